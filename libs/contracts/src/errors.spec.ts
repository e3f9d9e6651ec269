import { describe, expect, it } from 'vitest';
import { CodedError, catalogue, fromWire, isErrorCode, toWire, type ErrorCode } from './errors.js';

const codes = Object.keys(catalogue) as ErrorCode[];

describe('the error catalogue', () => {
  it.each(codes)('%s has a status a client understands and a sentence for a person', (code) => {
    const [status, message] = catalogue[code];
    expect(code).toMatch(/^[A-Z][A-Z_]*[A-Z]$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(message).toMatch(/^[A-Z].*\.$/);
    expect(message).not.toMatch(/\/(home|work|tmp|var|usr)\b|\bat .*:\d+/);
  });

  it('has no two codes with the same sentence', () => {
    expect(new Set(codes.map((code) => catalogue[code][1])).size).toBe(codes.length);
  });

  it.each(['toString', 'constructor', '__proto__', 'hasOwnProperty', '', 'done', null, undefined, 7, {}])(
    'does not take %j for a code',
    (text) => {
      expect(isErrorCode(text)).toBe(false);
    },
  );
});

describe('CodedError', () => {
  it('carries code, status, detail and issues', () => {
    const error = new CodedError('NOT_FOUND', 'row 3', [{ path: 'a', message: 'b' }]);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      code: 'NOT_FOUND',
      status: 404,
      detail: 'row 3',
      issues: [{ path: 'a', message: 'b' }],
    });
    expect(error.message).toBe('There is no such resource. (row 3)');
  });
});

describe('fromWire', () => {
  it('reads every coded error as it was', () => {
    for (const code of codes) {
      const error = new CodedError(code, 'row 3', [{ path: 'a', message: 'b' }]);
      const read = fromWire(JSON.parse(JSON.stringify(toWire(error))));
      expect([read?.code, read?.detail, read?.issues, read?.message]).toEqual([
        code,
        error.detail,
        error.issues,
        error.message,
      ]);
    }
  });

  it.each([
    null,
    undefined,
    3,
    [],
    {},
    { code: 'NOT_FOUND' },
    { code: 'toString', type: 'urn:koinon:error:tostring' },
    { code: 'NOT_FOUND', type: 'urn:koinon:error:internal' },
  ])('takes %j for none', (value) => {
    expect(fromWire(value)).toBeNull();
  });

  it('takes nothing else with it', () => {
    expect(
      fromWire({
        ...toWire(new CodedError('NOT_FOUND')),
        detail: 7,
        issues: [{ path: 'a' }, null, 'x'],
        stack: 'at x',
      }),
    ).toEqual(new CodedError('NOT_FOUND'));
  });
});

describe('toWire', () => {
  it('is a problem document of RFC 9457 without a stack', () => {
    expect(toWire(new CodedError('BODY_TOO_LARGE'))).toEqual({
      type: 'urn:koinon:error:body-too-large',
      title: catalogue.BODY_TOO_LARGE[1],
      status: 413,
      code: 'BODY_TOO_LARGE',
    });
    expect(Object.keys(toWire(new CodedError('NOT_FOUND', 'x', [{ path: 'p', message: 'm' }]))).toSorted()).toEqual([
      'code',
      'detail',
      'issues',
      'status',
      'title',
      'type',
    ]);
  });
});
