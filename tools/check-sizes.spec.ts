import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { findLongFiles } from './check-sizes.mjs';

/** What is found in a tree of files with so many lines each. */
function found(lines: Record<string, number>): string[] {
  using dir = mkdtempDisposableSync(join(tmpdir(), 'koinon-'));
  for (const [file, count] of Object.entries(lines)) {
    mkdirSync(dirname(join(dir.path, file)), { recursive: true });
    writeFileSync(join(dir.path, file), 'x;\n'.repeat(count));
  }
  return findLongFiles(dir.path);
}

it('finds files above 300 lines, whatever their kind, and counts none that a program wrote', () => {
  const tools = { 'tools/a.mjs': 300, 'tools/b.mjs': 1, 'tools/c.mjs': 1, 'tools/d.mjs': 1 };
  const written = { 'libs/a/src/gen/model_pb.ts': 4000, 'libs/a/asm/kernel.ts': 900, 'apps/a/dist/a.mjs': 900 };
  expect(found({ ...tools, ...written })).toEqual([]);
  expect(found({ ...tools, 'libs/a/src/a.spec.ts': 301, 'apps/a/src/page.tsx': 302 })).toEqual([
    'libs/a/src/a.spec.ts: 301 lines, more than 300: split it along its subjects',
    'apps/a/src/page.tsx: 302 lines, more than 300: split it along its subjects',
  ]);
});

it('finds that half of the files are longer than 90 lines', () => {
  expect(found({ 'a.ts': 10, 'b.ts': 90, 'c.ts': 200 })).toEqual([]);
  expect(found({ 'a.ts': 10, 'b.ts': 91, 'c.ts': 200 })).toEqual([
    'half of the files have 91 lines or more; no more than 90 is the aim',
  ]);
});
