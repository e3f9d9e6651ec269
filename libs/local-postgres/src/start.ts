import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { adopt } from './adopt.js';
import { packagedBinaries } from './binaries.js';
import { createCluster, hasCluster } from './cluster.js';
import { canConnect, databaseUrl, ensureDatabase } from './connection.js';
import { LocalPostgresError } from './errors.js';
import { createPassword, readPassword, ServerLog } from './files.js';
import { type Host, prepare, type Prepared, thisHost } from './prepare.js';
import { type Postmaster, spawnPostmaster } from './postmaster.js';

export interface LocalPostgresOptions {
  /** Folder of the data; made when missing. Its password and log stand beside it (`.password`, `.log`). */
  readonly dataDir: string;
  /** Folder with `bin`, `lib` and `share`; without it, the installed npm package. */
  readonly binariesDir?: string;
  /** Receives progress, and the server's own words when something failed. */
  readonly onLog?: (line: string) => void;
}

export interface LocalPostgres {
  /** With role, password and database: for this machine's processes only. */
  readonly url: string;
  readonly port: number;
  /** Of the server: it has a life of its own, and whoever depends on it may watch it. */
  readonly pid: number;
  /** True when a server left over by a killed process was taken over. */
  readonly adopted: boolean;
  /** Stops the server, adopted or not, and waits for its end. A second call waits for the first. */
  stop(): Promise<void>;
}

/** Another process can take a free port between our look and the server's bind. */
const START_ATTEMPTS = 5;

/**
 * Starts PostgreSQL over `dataDir` on a free port of 127.0.0.1, or takes over the one that a killed
 * process left running there. Whoever calls this owns the data directory: two owners at once would
 * stop each other's server, so hold a lock of your own around it.
 * @throws LocalPostgresError with a code for every failure
 */
export function startLocalPostgres(options: LocalPostgresOptions): Promise<LocalPostgres> {
  return startOnHost(options, thisHost());
}

/** As `startLocalPostgres`, on a described host. */
export async function startOnHost(options: LocalPostgresOptions, host: Host): Promise<LocalPostgres> {
  const onLog = options.onLog ?? (() => undefined);
  const dataDir = resolve(options.dataDir);
  const binaries =
    options.binariesDir === undefined ? packagedBinaries() : { folder: resolve(options.binariesDir), version: 'given' };
  const prepared = await prepare(dataDir, binaries, host);
  // Beside the asked-for folder even when the data lives elsewhere: only this account reads them.
  using log = openLog(dataDir);
  try {
    const isNew = !hasCluster(prepared.dataDir);
    const password = isNew ? createPassword(dataDir) : readPassword(dataDir);
    if (password === undefined) throw new LocalPostgresError('PASSWORD_MISSING');
    if (isNew) {
      onLog('creating the database');
      await createCluster(prepared.binariesDir, prepared.dataDir, password, prepared.account, log);
    }
    const leftover = isNew ? undefined : await adopt(prepared.dataDir, (port) => canConnect(port, password));
    const postmaster = leftover ?? (await startPostmaster(prepared, log));
    try {
      await ensureDatabase(postmaster.port, password);
    } catch (error) {
      await postmaster.stop();
      throw error;
    }
    onLog(leftover === undefined ? 'PostgreSQL is ready' : 'took over a running PostgreSQL');
    return handle(postmaster, password, leftover !== undefined);
  } catch (error) {
    for (const line of log.sinceMark().split('\n').slice(-20)) if (line !== '') onLog(line);
    throw error;
  }
}

function openLog(dataDir: string): ServerLog {
  try {
    return new ServerLog(dataDir);
  } catch (cause) {
    throw new LocalPostgresError('DATA_DIR_NOT_WRITABLE', { cause });
  }
}

async function startPostmaster(prepared: Prepared, log: ServerLog): Promise<Postmaster> {
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt++) {
    const { binariesDir, dataDir, account } = prepared;
    const postmaster = await spawnPostmaster(binariesDir, dataDir, await freePort(), account, log);
    if (postmaster !== undefined) return postmaster;
    // Backends of a killed server need a moment to notice and let go of its shared memory.
    await delay(100 * attempt);
  }
  throw new LocalPostgresError('START_FAILED');
}

function handle(postmaster: Postmaster, password: string, adopted: boolean): LocalPostgres {
  let stopped: Promise<void> | undefined;
  return {
    url: databaseUrl(postmaster.port, password),
    port: postmaster.port,
    pid: postmaster.pid,
    adopted,
    stop: () => (stopped ??= postmaster.stop()),
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((found, failed) => {
    server.once('error', failed).listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') failed(new Error('no port'));
      else found(address.port);
    });
  });
  await new Promise((closed) => server.close(closed));
  return port;
}
