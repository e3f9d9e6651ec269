/**
 * Completes package-lock.json with the optional packages of foreign platforms.
 *
 * npm leaves an optional package out of the lock when the registry serves no copy of it, and `npm ci`
 * then refuses the lock. Each missing one is written back as a bare entry made from its parent's
 * `optionalDependencies` and the platform in its name; npm installs it nowhere but on that platform.
 *
 * Run `node tools/complete-lock.mjs` after every change of dependencies, before committing the lock.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'aix', 'win32'];

/** First match wins: the longer names of a family stand before the shorter ones. */
const PROCESSORS = [
  { cpu: 'arm64', name: /arm64|aarch64/ },
  { cpu: 'x64', name: /x64|x86_64/ },
  { cpu: 'wasm32', name: /wasm/ },
  { cpu: 'ia32', name: /ia32|i686|x86/ },
  { cpu: 'arm', name: /arm|gnueabi|musleabi/ },
  { cpu: 'ppc64', name: /ppc64/ },
  { cpu: 's390x', name: /s390x/ },
  { cpu: 'riscv64', name: /riscv64/ },
  { cpu: 'loong64', name: /loong64/ },
  { cpu: 'mips64el', name: /mips64el/ },
];

/**
 * @typedef {{ version?: string, dev?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[], optionalDependencies?: Record<string, string> }} LockEntry
 * @typedef {{ packages: Record<string, LockEntry> }} Lock
 */

/**
 * The entries a lock lacks, by their key in `packages`.
 * @param {Lock} lock
 * @returns {Record<string, LockEntry>}
 */
export function missingEntries(lock) {
  /** @type {Record<string, LockEntry>} */
  const missing = {};
  for (const [place, entry] of Object.entries(lock.packages)) {
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
      if (!isVisible(lock, place, name))
        missing[`node_modules/${name}`] = platformEntry(name, range, entry.dev === true);
    }
  }
  return missing;
}

/** Node's resolution: the package's own node_modules, then each one above it.
 * @param {Lock} lock @param {string} place @param {string} name */
function isVisible(lock, place, name) {
  for (let folder = place; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in lock.packages) return true;
    if (folder === '') return false;
  }
}

/** @param {string} name @param {string} range @param {boolean} dev @returns {LockEntry} */
function platformEntry(name, range, dev) {
  const os = SYSTEMS.find((system) => name.includes(system));
  const cpu = PROCESSORS.find((processor) => processor.name.test(name))?.cpu;
  const libc = os === 'linux' ? (/musl/.test(name) ? 'musl' : /gnu/.test(name) ? 'glibc' : undefined) : undefined;
  return {
    version: range.replace(/^[\^~]/, ''),
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(dev ? { dev } : {}),
    ...(libc === undefined ? {} : { libc: [libc] }),
    optional: true,
    ...(os === undefined ? {} : { os: [os] }),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const file = join(import.meta.dirname, '..', 'package-lock.json');
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const missing = missingEntries(lock);
  const entries = Object.entries({ ...lock.packages, ...missing }).sort(([a], [b]) => a.localeCompare(b, 'en'));
  writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(entries) }, null, 2)}\n`);
  process.stdout.write(`${Object.keys(missing).length} entries added\n`);
}
