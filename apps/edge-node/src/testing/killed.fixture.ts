import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/**
 * Runs a script, which finds the built edge node under `dist` and its arguments in `args`, and kills it in place of the
 * `killAt`-th disk operation after `armKill()`.
 * @returns what it printed, and whether it was killed or came to its end
 */
export function runKilled(script: string, killAt: number, args: readonly string[]): { output: string; killed: boolean } {
  const source = `const dist = ${JSON.stringify(new URL('../../dist/', import.meta.url).href)}; const args = process.argv.slice(1); ${script}`;
  const child = spawnSync(process.execPath, ['--import', at('kill-at.mjs'), '--input-type=module', '-e', source, '--', ...args], {
    env: { KILL_AT: String(killAt), NODE_COMPILE_CACHE: join(tmpdir(), 'koinon-compile-cache') }, encoding: 'utf8',
  });
  const killed = child.signal === 'SIGKILL';
  if (!killed && child.status !== 0) throw new Error(child.stderr);
  return { output: child.stdout, killed };
}
