import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Account } from './account.js';
import { SERVER_ENVIRONMENT } from './cluster.js';
import { LocalPostgresError } from './errors.js';
import type { ServerLog } from './files.js';
import { type PostmasterFile, readPostmasterFile } from './postmaster-file.js';
import { serverSettings } from './settings.js';

const POLL_MS = 20;
/** Crash recovery after a power cut replays at most max_wal_size, which takes far less. */
const START_TIMEOUT_MS = 60_000;
/** A fast shutdown writes a checkpoint; what follows loses nothing either, but recovers at the next start. */
const STOP_STEPS = [
  ['SIGINT', 15_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 2_000],
] as const;

/** The server's process, whether started by us or found running. */
export class Postmaster {
  constructor(
    readonly pid: number,
    readonly port: number,
  ) {}

  /** Fast shutdown, then immediate, then by force. Returns when the process is gone. */
  async stop(): Promise<void> {
    for (const [signal, withinMs] of STOP_STEPS) {
      if (!signalProcess(this.pid, signal)) return;
      for (let waitedMs = 0; waitedMs < withinMs; waitedMs += POLL_MS) {
        await delay(POLL_MS);
        if (!isAlive(this.pid)) return;
      }
    }
    throw new LocalPostgresError('STOP_TIMEOUT');
  }
}

/**
 * Spawns the server in a process group of its own: Ctrl-C must not stop it before its clients have ended.
 * @returns undefined when it ended again for a reason that another try can cure
 * @throws LocalPostgresError START_FAILED, START_TIMEOUT
 */
export async function spawnPostmaster(
  binariesDir: string,
  dataDir: string,
  port: number,
  account: Account | undefined,
  log: ServerLog,
): Promise<Postmaster | undefined> {
  log.mark();
  const child = spawn(join(binariesDir, 'bin', 'postgres'), ['-D', dataDir, ...serverSettings(port)], {
    ...account,
    cwd: binariesDir,
    env: SERVER_ENVIRONMENT,
    detached: true,
    stdio: ['ignore', log.descriptor, log.descriptor],
  });
  const ended = new Promise<unknown>((resolve) => {
    child.once('error', resolve).once('exit', resolve);
  });
  child.unref();
  if (child.pid === undefined) throw new LocalPostgresError('START_FAILED', { cause: await ended });
  const outcome = await Promise.race([waitUntilReady(dataDir, child.pid), ended.then(() => 'ended' as const)]);
  if (outcome === 'ended') {
    if (/could not bind|could not create any TCP|pre-existing shared memory block/.test(log.sinceMark()))
      return undefined;
    throw new LocalPostgresError('START_FAILED');
  }
  if (outcome === undefined) {
    await new Postmaster(child.pid, port).stop();
    throw new LocalPostgresError('START_TIMEOUT');
  }
  return new Postmaster(child.pid, port);
}

/**
 * Waits until the server with this pid says that it accepts connections.
 * @returns undefined when it is gone or stopping, or the time is over
 */
export async function waitUntilReady(dataDir: string, pid: number): Promise<PostmasterFile | undefined> {
  for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS && isAlive(pid); waitedMs += POLL_MS) {
    const file = readPostmasterFile(dataDir);
    if (file?.pid === pid && file.state === 'ready') return file;
    if (file?.pid === pid && file.state === 'stopping') return undefined;
    await delay(POLL_MS);
  }
  return undefined;
}

/** Whether `pid` is a server over `dataDir` and not a stranger that got the number after a reboot. */
export function isPostmasterOf(pid: number, dataDir: string): boolean {
  try {
    if (process.platform === 'linux') return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dataDir);
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes(`-D ${dataDir}`);
  } catch {
    return false;
  }
}

/** A server whose starter was killed can stay a zombie for as long as its new parent likes. */
function isAlive(pid: number): boolean {
  if (!signalProcess(pid, 0)) return false;
  if (process.platform !== 'linux') return true;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

/** @returns false when there is no such process */
function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
