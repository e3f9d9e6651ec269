import { describe, expect, it } from 'vitest';
import { CodedError, catalogue } from '@koinon/contracts';
import { failureIn, failureOf } from './process-failure.js';

describe('the failure of a process', () => {
  it('is read by whoever started it as it was thrown, its sentence not yet in its detail', () => {
    const error = new CodedError('CONFIG_INVALID', 'KOINON_PORT: must be a whole number', [
      { path: 'KOINON_PORT', message: 'must be a whole number' },
    ]);
    const { line, exitCode } = failureOf(error);
    expect(exitCode).toBe(2);
    const read = failureIn(line)!;
    expect([read.code, read.detail, read.issues, read.message]).toEqual([
      error.code,
      error.detail,
      error.issues,
      error.message,
    ]);
    expect(read.detail).not.toContain(catalogue.CONFIG_INVALID[1]);
  });

  it.each([
    ['EADDRINUSE', 'PORT_IN_USE'],
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
  ])('of the system, %s, is %s, without its path', (code, told) => {
    const { line, exitCode } = failureOf(Object.assign(new Error('open /srv/koinon/x'), { code, port: 7400 }));
    expect([failureIn(line)?.code, exitCode, line.includes('/srv')]).toEqual([told, 2, false]);
  });

  it('that nobody expected is an entry of the log and no coded error', () => {
    const { line, exitCode } = failureOf(new Error('a defect'));
    expect([failureIn(line), exitCode, JSON.parse(line).message]).toEqual([null, 1, 'Error: a defect']);
  });

  it.each([
    '',
    'Error: at x',
    '{"level":"error","code":"RELEASE_EXPIRED","message":"an entry of the log"}',
    'null',
    '{"code":"toString","type":"urn:koinon:error:tostring"}',
  ])('is not read in %j', (line) => {
    expect(failureIn(line)).toBeNull();
  });
});
