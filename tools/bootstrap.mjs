/**
 * From a fresh clone to a running command: installs what is missing, builds what is stale, then runs
 * under the pinned Node. This file and what it imports run on Node 20.11 or newer with nothing installed.
 *
 * Everything it says goes to stderr: stdout belongs to the command.
 */
import { join } from 'node:path';
import { platformRefusal } from '../apps/cli/src/platform.mjs';
import { ensureBuilt } from './build.mjs';
import { exclusively } from './checkout-lock.mjs';
import { ensureInstalled } from './install.mjs';
import { runCommand } from './run-command.mjs';

const root = join(import.meta.dirname, '..');

/** Script of package.json → file that runs under the pinned Node, and what stands before the user's arguments. */
const COMMANDS = {
  start: { file: 'apps/cli/dist/main.js', before: ['up'] },
  koinon: { file: 'apps/cli/dist/main.js', before: [] },
  bench: { file: 'benchmarks/dist/main.js', before: [] },
  test: { file: 'tools/test.mjs', before: [] },
};

const [name = '', ...rest] = process.argv.slice(2);
const command = COMMANDS[/** @type {keyof typeof COMMANDS} */ (name)];

try {
  const refusal = platformRefusal(process.platform, process.arch);
  if (refusal !== null) throw new Error(refusal);
  if (command === undefined)
    throw new Error(`unknown command "${name}": use one of ${Object.keys(COMMANDS).join(', ')}`);
  // Two starts at once: one installs and builds, the other finds it done.
  const node = await exclusively(root, async () => {
    const pinned = await ensureInstalled(root);
    await ensureBuilt(root, pinned);
    return pinned;
  });
  const args = [...command.before, ...rest];
  process.exitCode = await runCommand(node, [join(root, command.file), ...args], { supervise: args[0] === 'up' });
} catch (error) {
  process.stderr.write(`koinon: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
