import { spawn } from 'node:child_process';
import { join } from 'node:path';

/**
 * Builds every package whose sources changed. Nx answers from its cache for the others (about a second
 * when nothing changed); its output is shown only when something failed.
 * @param {string} root the repository
 * @param {string} node the pinned Node
 */
export async function ensureBuilt(root, node) {
  const nx = join(root, 'node_modules', 'nx', 'dist', 'bin', 'nx.js');
  const child = spawn(node, [nx, 'run-many', '-t', 'build', '--output-style=static'], {
    cwd: root,
    env: { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH ?? ''}`, NX_DAEMON: 'false', NX_TUI: 'false' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  /** @type {Buffer[]} */
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
  const notice = setTimeout(() => process.stderr.write('koinon: building …\n'), 2000);
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  clearTimeout(notice);
  if (code !== 0) {
    process.stderr.write(Buffer.concat(output));
    throw new Error('the build failed (its output is above)');
  }
}
