import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const killAtFile = fileURLToPath(new URL('../src/kill-at.mjs', import.meta.url));

/**
 * Runs a script, which finds a built package under `dist` and its arguments in `args`, and kills it in place of the
 * `killAt`-th disk operation after `armKill()`.
 * @param dist folder of the built package
 * @returns what it printed, and whether it was killed or came to its end
 */
export function runKilled(
  dist: URL,
  script: string,
  killAt: number,
  args: readonly string[],
): { output: string; killed: boolean } {
  const source = `const dist = ${JSON.stringify(dist.href)}; const args = process.argv.slice(1); ${script}`;
  const child = spawnSync(
    process.execPath,
    ['--import', killAtFile, '--input-type=module', '-e', source, '--', ...args],
    {
      env: { KILL_AT: String(killAt), NODE_COMPILE_CACHE: join(tmpdir(), 'koinon-compile-cache') },
      encoding: 'utf8',
    },
  );
  const killed = child.signal === 'SIGKILL';
  if (!killed && child.status !== 0) throw new Error(child.stderr);
  return { output: child.stdout, killed };
}
