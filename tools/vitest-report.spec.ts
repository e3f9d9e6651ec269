import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readReport } from './vitest-report.mjs';

describe('readReport', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'koinon-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const count = (...files: { status: string; tests: string[] }[]): { passed: number; failed: number } => {
    const file = join(folder, 'report.json');
    const testResults = files.map(({ status, tests }) => ({
      status,
      assertionResults: tests.map((test) => ({ status: test })),
    }));
    writeFileSync(file, JSON.stringify({ testResults }));
    return readReport(file);
  };

  it('counts tests, and a test that did not run as failed', () => {
    expect(
      count({ status: 'passed', tests: ['passed', 'passed'] }, { status: 'failed', tests: ['passed', 'failed'] }),
    ).toEqual({ passed: 3, failed: 1 });
    expect(count({ status: 'passed', tests: ['passed', 'pending', 'skipped', 'todo'] })).toEqual({
      passed: 1,
      failed: 3,
    });
  });

  it('counts a file that could not be loaded as one failure', () => {
    expect(count({ status: 'failed', tests: [] })).toEqual({ passed: 0, failed: 1 });
  });

  it('counts nothing when the run wrote no report', () => {
    expect(readReport(join(folder, 'absent.json'))).toEqual({ passed: 0, failed: 0 });
  });
});
