import { spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Account } from './account.js';
import { LocalPostgresError } from './errors.js';
import type { ServerLog } from './files.js';

/** Superuser and database of every cluster made here. */
export const ROLE = 'koinon';
export const DATABASE = 'koinon';

const MAJOR_VERSION = '18';

/** A deterministic server: nothing of the caller's PG* variables, locale or time zone. */
export const SERVER_ENVIRONMENT = { LC_ALL: 'C', PATH: '/usr/bin:/bin' };

/**
 * Whether `dataDir` holds a cluster of ours.
 * @throws LocalPostgresError DATA_DIR_FOREIGN, DATA_DIR_OTHER_VERSION
 */
export function hasCluster(dataDir: string): boolean {
  if (!existsSync(dataDir)) return false;
  const versionFile = join(dataDir, 'PG_VERSION');
  if (existsSync(versionFile)) {
    if (readFileSync(versionFile, 'utf8').trim() !== MAJOR_VERSION)
      throw new LocalPostgresError('DATA_DIR_OTHER_VERSION');
    return true;
  }
  if (readdirSync(dataDir).length > 0) throw new LocalPostgresError('DATA_DIR_FOREIGN');
  return false;
}

/**
 * Runs initdb beside the data directory and moves the result into place, so that a kill in the middle
 * leaves no half-made cluster behind.
 * @throws LocalPostgresError INITDB_FAILED
 */
export async function createCluster(
  binariesDir: string,
  dataDir: string,
  password: string,
  account: Account | undefined,
  log: ServerLog,
): Promise<void> {
  const staging = `${dataDir}.new`;
  const passwordFile = join(staging, 'password');
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { recursive: true, mode: 0o700 });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (account !== undefined) for (const path of [staging, passwordFile]) chownSync(path, account.uid, account.gid);
  try {
    const child = spawn(
      join(binariesDir, 'bin', 'initdb'),
      [
        `--pgdata=${join(staging, 'data')}`,
        `--username=${ROLE}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
      ],
      {
        ...account,
        cwd: dirname(binariesDir),
        env: SERVER_ENVIRONMENT,
        stdio: ['ignore', log.descriptor, log.descriptor],
      },
    );
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('exit', resolve);
    });
    if (code !== 0) throw new Error(`initdb ended with ${code}`);
    renameSync(join(staging, 'data'), dataDir);
  } catch (cause) {
    throw new LocalPostgresError('INITDB_FAILED', { cause });
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}
