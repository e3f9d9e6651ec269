import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, sep } from 'node:path';
import { missingEntries } from './complete-lock.mjs';
import { refuseWhileRunning } from './running-programs.mjs';

/**
 * Makes node_modules match the lock and returns the pinned Node's path. A stamp in node_modules holds
 * the digest of what was installed, so that an unchanged tree costs two file reads.
 * @param {string} root the repository
 * @returns {Promise<string>}
 */
export async function ensureInstalled(root) {
  const node = join(root, 'node_modules', 'node', 'bin', 'node');
  const stamp = join(root, 'node_modules', '.koinon-installed');
  if (existsSync(node) && existsSync(stamp) && readFileSync(stamp, 'utf8') === installDigest(root)) return node;
  refuseWhileRunning(root, 'dependencies');

  const command = lockIsComplete(root) ? 'ci' : 'install';
  process.stderr.write(`koinon: installing dependencies (npm ${command}) …\n`);
  await runNpm(root, [command, '--no-json', '--no-audit', '--no-fund', '--loglevel=error']);
  if (!existsSync(node)) {
    throw new Error(
      'the package "node" brought no binary for this platform: check that npm may run its install script (allowScripts in package.json)',
    );
  }
  writeFileSync(stamp, installDigest(root));
  return node;
}

/** Of what decides the content of node_modules. @param {string} root */
export function installDigest(root) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const file of ['package.json', 'package-lock.json']) {
    if (existsSync(join(root, file))) hash.update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

/** `npm ci` stops on a lock that lacks a foreign platform's package; `npm install` does not. @param {string} root */
function lockIsComplete(root) {
  const file = join(root, 'package-lock.json');
  return existsSync(file) && Object.keys(missingEntries(JSON.parse(readFileSync(file, 'utf8')))).length === 0;
}

/**
 * Runs npm with the Node outside this tree: `npm ci` deletes node_modules, the pinned Node in it included.
 * @param {string} root @param {string[]} args
 */
async function runNpm(root, args) {
  const outside = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.split(sep).includes('node_modules'));
  // npm 10 knows no allowScripts and would let ONNX Runtime fetch CUDA files where it finds a CUDA compiler
  const env = { ...process.env, PATH: outside.join(delimiter), npm_config_onnxruntime_node_install: 'skip' };
  // npm's stdout is its summary; ours must stay free for the command.
  const child = spawn('npm', args, { cwd: root, env, stdio: ['ignore', 2, 2] });
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve)).catch(() => {
    throw new Error('npm was not found on PATH: install Node 20 or newer with npm');
  });
  if (code !== 0) throw new Error(`npm ${args[0]} failed (its message is above)`);
}
