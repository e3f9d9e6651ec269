import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { findUnused } from './check-unused.mjs';

const CATALOGUE =
  "export const catalogue = {\n  FORGOTTEN: [500, 'Nobody says this; ever.'],\n  RAISED: [400, 'Said once.'],\n} as const;\nexport type TaskErrorCode = 'TASK_LATE' | 'TASK_LOST' | 'TASK_NEVER';\n";

it('finds codes that nothing raises and exports that no other package imports', () => {
  using dir = mkdtempDisposableSync(join(tmpdir(), 'koinon-'));
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(dir.path, file)), { recursive: true });
    writeFileSync(join(dir.path, file), text);
  };
  const manifest = (name: string) =>
    JSON.stringify({ name: `@koinon/${name}`, exports: { '.': { default: './dist/index.js' } } });
  write('libs/a/package.json', manifest('a'));
  write('libs/a/src/errors.ts', CATALOGUE);
  write(
    'libs/a/src/index.ts',
    "export { used, unused, tested, type Shape } from './a.js';\nexport * from './errors.js';\n",
  );
  write('libs/a/src/a.spec.ts', "import { unused } from './index.js';\nfail('FORGOTTEN', 'TASK_NEVER');\n");
  write('libs/a/src/a.ts', "throw new CodedError('RAISED', `${task}_LATE`, `${task}_${lost ? 'LOST' : reason}`);\n");
  write('libs/contracts/src/routes/runs.ts', "export const errors = ['FORGOTTEN'];\n");
  write('libs/b/package.json', manifest('b'));
  write('libs/b/src/index.ts', 'export {};\n');
  write('libs/b/src/b.ts', "import { used as mine } from '@koinon/a';\n");
  write('libs/b/src/b.spec.ts', "import { tested } from '@koinon/a';\n");
  expect(findUnused(dir.path)).toEqual([
    'libs/a/src/errors.ts: nothing raises FORGOTTEN',
    'libs/a/src/errors.ts: nothing raises TASK_NEVER',
    'libs/a/src/index.ts: nobody imports unused',
  ]);
});
