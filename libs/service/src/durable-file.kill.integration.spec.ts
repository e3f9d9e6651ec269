import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runKilled, tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { namesIn, removeUnfinished } from './durable-file.js';

const dist = new URL('../dist/', import.meta.url);
const SECRET = 'secret'.repeat(100);
const CREATING = `
  const { createDurably } = await import(dist + 'durable-file.js');
  armKill();
  createDurably(args[0], args[1]);
`;
const REMOVING = `
  const { removeUnfinished } = await import(dist + 'durable-file.js');
  armKill();
  removeUnfinished(args[0]);
`;
/** Removes what is unfinished while another process, which is about to create the file, gets to it before the n-th disk operation. */
const REMOVING_WHILE_ANOTHER_CREATES = `
  import fs from 'node:fs';
  import { syncBuiltinESMExports } from 'node:module';
  const { removeUnfinished } = await import(dist + 'durable-file.js');
  const [folder, temporary, file, at] = args;
  let calls = 0;
  const { linkSync, existsSync } = fs;
  for (const name of ['openSync', 'fstatSync', 'statSync', 'writeSync', 'fsyncSync', 'closeSync', 'renameSync', 'rmSync']) {
    const real = fs[name];
    fs[name] = (...given) => {
      if (++calls === Number(at) && existsSync(temporary)) linkSync(temporary, file);
      return real(...given);
    };
  }
  syncBuiltinESMExports();
  removeUnfinished(folder);
  process.stdout.write(String(calls));
`;

describe('a file that is created', () => {
  it('is absent or whole at the next start, wherever its writer was killed', () => {
    const endings = new Set<string>();
    for (let point = 1, killed = true; killed; point++) {
      using dir = tempDir();
      const folder = join(dir.path, 'home');
      ({ killed } = runKilled(dist, CREATING, point, [join(folder, 'keys.json'), SECRET]));
      removeUnfinished(folder);
      endings.add(stateOf(folder));
    }
    expect([...endings]).toEqual(['absent', 'whole']);
  }, 120_000);

  it('is whole, wherever the one that takes its unfinished name away is killed', () => {
    for (let point = 1, killed = true; killed; point++) {
      using dir = tempDir();
      writeFileSync(join(dir.path, 'keys.json'), SECRET);
      linkSync(join(dir.path, 'keys.json'), join(dir.path, `keys.json.${randomUUID()}.new`));
      ({ killed } = runKilled(dist, REMOVING, point, [dir.path]));
      removeUnfinished(dir.path);
      expect(stateOf(dir.path), `killed at ${point}`).toBe('whole');
    }
  }, 120_000);

  it('is absent or whole when two processes start together, in whatever order they get to it', () => {
    for (let at = 1, calls = 1; at <= calls; at++) {
      using dir = tempDir();
      const file = join(dir.path, 'keys.json');
      const temporary = `${file}.${randomUUID()}.new`;
      writeFileSync(temporary, SECRET);
      calls = Number(
        runKilled(dist, REMOVING_WHILE_ANOTHER_CREATES, 0, [dir.path, temporary, file, String(at)]).output,
      );
      expect(stateOf(dir.path), `created before operation ${at}`).toMatch(/^(absent|whole)$/);
    }
  }, 120_000);
});

function stateOf(folder: string): string {
  const names = namesIn(folder);
  if (names.length === 0) return 'absent';
  return names.length === 1 && readFileSync(join(folder, 'keys.json'), 'utf8') === SECRET
    ? 'whole'
    : `${names.join(' ')}, not as written`;
}
