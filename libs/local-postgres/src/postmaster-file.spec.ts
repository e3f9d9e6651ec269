import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPostmasterFile } from './postmaster-file.js';

describe('readPostmasterFile', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'koinon-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  const read = (...lines: string[]): ReturnType<typeof readPostmasterFile> => {
    writeFileSync(join(dataDir, 'postmaster.pid'), `${lines.join('\n')}\n`);
    return readPostmasterFile(dataDir);
  };

  it('reads pid, port and state', () => {
    expect(read('4711', '/data', '1790000000', '5433', '', '127.0.0.1', '  1 2', 'ready   ')).toEqual({
      pid: 4711,
      port: 5433,
      state: 'ready',
    });
    expect(read('4711', '/data', '1790000000', '5433', '', '127.0.0.1', '  1 2', 'stopping')).toMatchObject({
      state: 'stopping',
    });
    expect(read('4711', '/data', '1790000000', '5433', '', '127.0.0.1')).toMatchObject({ state: 'starting' });
  });

  it.each([
    [[]],
    [['']],
    [['4711']],
    [['-1', '/d', '1', '5433']],
    [['0', '/d', '1', '5433']],
    [['x', '/d', '1', '5433']],
    [['4711', '/d', '1', 'y']],
  ])('refuses %j', (lines: string[]) => {
    expect(read(...lines)).toBeUndefined();
  });

  it('finds nothing where there is no server', () => {
    expect(readPostmasterFile(dataDir)).toBeUndefined();
  });
});
