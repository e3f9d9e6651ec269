import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { refuseWhileRunning } from './running-programs.mjs';

/** What builds write, below each package. */
const OUTPUTS = ['dist', 'generated'];

/** What no build reads: a federation may be edited, and documented, while another one runs. */
const NOT_BUILT = /\.spec\.tsx?$|\.md$|\.yaml$/;

/**
 * Builds every package whose sources changed, and touches nothing when none did: Nx would write what it has in its cache over files
 * that running programs are about to load. Its output is shown only when something failed.
 * @param {string} root the repository
 * @param {string} node the pinned Node
 */
export async function ensureBuilt(root, node) {
  const stamp = join(root, 'node_modules', '.koinon-built');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === buildDigest(root)) return;
  refuseWhileRunning(root, 'sources');
  await build(root, node);
  writeFileSync(stamp, buildDigest(root));
}

/** @param {string} root @param {string} node */
async function build(root, node) {
  const nx = join(root, 'node_modules', 'nx', 'dist', 'bin', 'nx.js');
  const child = spawn(node, [nx, 'run-many', '-t', 'build', '--output-style=static'], {
    cwd: root,
    env: {
      ...process.env,
      PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH ?? ''}`,
      NX_DAEMON: 'false',
      NX_TUI: 'false',
    },
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

/** Sources by their content, since a checkout gives them new times; what was built by size and time, which any other hand changes. @param {string} root */
function buildDigest(root) {
  const hash = createHash('sha256');
  const add = (/** @type {string} */ file, /** @type {boolean} */ isOutput) => {
    const { size, mtimeMs } = statSync(join(root, file));
    hash.update(`${file}\0${isOutput ? `${size} ${mtimeMs}` : size}\0`);
    if (!isOutput) hash.update(readFileSync(join(root, file)));
  };
  for (const file of ['package.json', 'package-lock.json', 'nx.json', 'tsconfig.base.json'])
    if (existsSync(join(root, file))) add(file, false);
  for (const folder of workspaceFolders(root)) {
    for (const { name } of entriesOf(root, folder)) {
      const path = `${folder}/${name}`;
      for (const file of filesBelow(root, path)) if (!NOT_BUILT.test(file)) add(file, OUTPUTS.includes(name));
    }
  }
  return hash.digest('hex');
}

/** @param {string} root @returns {string[]} */
function workspaceFolders(root) {
  /** @type {{ workspaces: string[] }} */
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return workspaces.flatMap((pattern) =>
    pattern.endsWith('/*')
      ? entriesOf(root, dirname(pattern)).map(({ name }) => `${dirname(pattern)}/${name}`)
      : [pattern],
  );
}

/** @param {string} root @param {string} path @returns {string[]} a file itself, or every file of a folder */
function filesBelow(root, path) {
  if (statSync(join(root, path)).isFile()) return [path];
  return entriesOf(root, path).flatMap(({ name }) => filesBelow(root, `${path}/${name}`));
}

/** In one order on every file system. @param {string} root @param {string} folder */
function entriesOf(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).filter(
    ({ name }) => name !== 'node_modules',
  );
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}
