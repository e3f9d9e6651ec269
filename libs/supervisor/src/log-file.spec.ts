import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { LogFile } from './log-file.js';

describe('LogFile', () => {
  it('goes on where it was, for its owner’s eyes only', () => {
    using dir = tempDir();
    const file = join(dir.path, 'va.log');
    new LogFile(file).append('one\n');
    new LogFile(file).append('two\n');
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('keeps the newest lines and never more than twice its limit', () => {
    using dir = tempDir();
    const file = join(dir.path, 'va.log');
    writeFileSync(file, 'x'.repeat(90));
    const log = new LogFile(file, 100);
    for (let i = 0; i < 100; i++) log.append(`line ${String(i).padStart(3, '0')}\n`);
    expect(readdirSync(dir.path).toSorted()).toEqual(['va.log', 'va.log.1']);
    const kept = readFileSync(`${file}.1`, 'utf8') + readFileSync(file, 'utf8');
    expect(kept.length).toBeLessThanOrEqual(200);
    expect(kept.endsWith('line 098\nline 099\n')).toBe(true);
  });

  it('survives that its folder is gone', () => {
    using dir = tempDir();
    const log = new LogFile(join(dir.path, 'gone', 'va.log'));
    expect(() => log.append('lost\n')).not.toThrow();
  });
});
