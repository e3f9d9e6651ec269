import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Account, serverAccount } from './account.js';
import { type Binaries, checkBinaries, copyBinaries } from './binaries.js';
import { LocalPostgresError } from './errors.js';
import { lookAt } from './files.js';
import { place } from './placement.js';
import { stopLeftover } from './adopt.js';

/** What a decision depends on besides the request. */
export interface Host {
  readonly self: Account;
  /** Text of /etc/passwd. */
  readonly passwd: string;
  /** Where root keeps what the server's account could not reach. */
  readonly systemDir: string;
}

export interface Prepared {
  readonly dataDir: string;
  readonly binariesDir: string;
  readonly account: Account | undefined;
}

export function thisHost(): Host {
  const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  return { self, passwd: self.uid === 0 ? readFileSync('/etc/passwd', 'utf8') : '', systemDir: '/var/lib/koinon' };
}

/**
 * Decides who runs the server and where its files live, and makes the folders.
 * @throws LocalPostgresError ACCOUNT_MISSING, BINARIES_MISSING, DATA_DIR_NOT_WRITABLE
 */
export async function prepare(dataDir: string, binaries: Binaries, host: Host): Promise<Prepared> {
  checkBinaries(binaries.folder);
  const firstAccount = serverAccount(host.self, host.passwd, lookAt(dataDir));
  try {
    mkdirSync(dirname(dataDir), { recursive: true, mode: 0o755 });
    accessSync(dirname(dataDir), constants.W_OK);
    const request = { dataDir, binariesDir: binaries.folder, version: binaries.version, systemDir: host.systemDir };
    const placement = place(request, firstAccount, lookAt);
    if (placement.binariesRelocated) copyBinaries(binaries.folder, placement.binariesDir);
    if (placement.dataRelocated) await linkRelocated(dataDir, placement.dataDir);
    const account = serverAccount(host.self, host.passwd, lookAt(placement.dataDir));
    return { dataDir: placement.dataDir, binariesDir: placement.binariesDir, account };
  } catch (cause) {
    if (cause instanceof LocalPostgresError) throw cause;
    throw new LocalPostgresError('DATA_DIR_NOT_WRITABLE', { cause });
  }
}

/**
 * Leaves a note where the data was asked for. Whoever removes the asked-for folder removes the
 * database: the relocated data then steps aside (one generation is kept) and a new one begins.
 */
async function linkRelocated(asked: string, actual: string): Promise<void> {
  const home = dirname(actual);
  if (!existsSync(asked) && existsSync(actual)) {
    await stopLeftover(actual);
    rmSync(join(home, 'previous'), { recursive: true, force: true });
    renameSync(actual, join(home, 'previous'));
  }
  mkdirSync(home, { recursive: true, mode: 0o755 });
  chmodSync(home, 0o755);
  mkdirSync(asked, { recursive: true, mode: 0o755 });
  writeFileSync(
    join(asked, 'RELOCATED'),
    `PostgreSQL's account cannot enter this folder; the data lives in ${actual}\n`,
  );
}
