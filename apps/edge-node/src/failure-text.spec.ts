import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { AutodiffError } from '@koinon/autodiff';
import { CodedError } from '@koinon/contracts';
import { HeError } from '@koinon/he';
import { OnnxError } from '@koinon/onnx';
import { SessionError } from '@koinon/onnx-runtime';
import { PrivacyError } from '@koinon/privacy';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DataError } from '@koinon/records';
import { failureText } from './failure-text.js';

/** What a call throws. */
function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('failureText', () => {
  it.each<[string, () => unknown]>([
    ['a number that is no BigInt', () => BigInt(43.25)],
    ['JSON', () => JSON.parse('{"age": 43.25 oops')],
    ['an argument that Node refuses', () => Buffer.alloc(4).writeInt8(43.25e9)],
    ['a date', () => new Intl.NumberFormat('en', { minimumFractionDigits: 4325 })],
    [
      'a schema',
      () => z.object({ age: z.literal(1, { error: ({ input }) => `not ${String(input)}` }) }).parse({ age: 43.25 }),
    ],
    ['a copy', () => structuredClone(() => 43.25)],
    ['an assertion', () => assert.equal(43.25, 1)],
    [
      'WebAssembly',
      () => {
        throw new WebAssembly.RuntimeError('43.25');
      },
    ],
    [
      'a library',
      () => {
        throw Object.assign(new Error('43.25'), { name: 'TableError', code: 'DATA_43', errno: 43.25 });
      },
    ],
    [
      'a message that looks like a place',
      () => {
        throw new Error('bad\n    at 43.25');
      },
    ],
  ])('says where %s failed, and not on what', (_, call) => {
    const error = thrownBy(call);
    expect(failureText(error)).not.toMatch(/43\.?25/);
    expect(failureText(error)).toMatch(new RegExp(`^${(error as Error).name} at .*failure-text\\.spec\\.ts:\\d+`));
  });

  it('repeats nothing that is no error', () => {
    expect(failureText('43.25')).not.toContain('43');
  });

  it('keeps what was written for a log, and what the operating system says', () => {
    expect(failureText(new DataError('DATA_NOT_A_NUMBER', { file: 'a.csv', row: 3 }, 'it is no number'))).toBe(
      'a.csv, row 3: it is no number',
    );
    expect(failureText(new CodedError('DISK_FULL'))).toContain('The disk is full');
    expect(failureText(new HeError('PROOF_REJECTED', 'the proof fails'))).toBe('the proof fails');
    expect(failureText(new SessionError('SESSION_RUN_FAILED', 'an operand'))).toBe('an operand');
    expect(failureText(new OnnxError('ONNX_MALFORMED', 'the model', 'no graph'))).toBe('the model: no graph');
    expect(failureText(new AutodiffError('AUTODIFF_NO_RULE', 'no gradient'))).toBe('no gradient');
    expect(failureText(new PrivacyError('PRIVACY_PARAMETER_INVALID', 'q'))).toBe('q');
    expect(failureText(thrownBy(() => readFileSync('/nowhere')))).toContain('ENOENT');
  });
});
