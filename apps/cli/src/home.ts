import { accessSync, constants, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CodedError } from '@koinon/contracts';
import { readSetting, removeUnfinished, takeHome } from '@koinon/service';
import { defaultHome } from './layout.js';
import { identityOf, isRunning, pidOf } from '@koinon/supervisor';
import { carryOverFirstHome } from './first-home.js';

/** KOINON_HOME: everything a local federation keeps. */
export function homeFolder(): string {
  return resolve(readSetting(process.env, 'KOINON_HOME') ?? defaultHome);
}

/**
 * Makes the folder and locks it for this process.
 * @returns what unlocks it
 * @throws CodedError HOME_NOT_WRITABLE, ALREADY_RUNNING
 */
export function lockHome(home: string): () => void {
  const lock = join(home, 'up.pid');
  const mine = `${lock}.${process.pid}`;
  try {
    // The database server runs as another user when we are root: it may pass through here, secrets below are 0700.
    mkdirSync(home, { recursive: true, mode: 0o711 });
    accessSync(home, constants.W_OK | constants.X_OK);
    writeFileSync(mine, identityOf(process.pid), { mode: 0o600 });
  } catch {
    throw new CodedError('HOME_NOT_WRITABLE');
  }
  try {
    // A link appears with its content or not at all: nobody can read a lock that does not say yet whose it is.
    while (!linked(mine, lock)) clearStale(lock, `${mine}.stale`);
  } finally {
    rmSync(mine, { force: true });
  }
  return () => rmSync(lock, { force: true });
}

/** Makes a locked home one of this version. @throws CodedError HOME_VERSION */
export function carryHomeOver(home: string): void {
  removeUnfinished(home);
  takeHome(home, { 1: carryOverFirstHome });
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw new CodedError('HOME_NOT_WRITABLE');
  }
}

/** Removes the lock of a process that has ended. @throws CodedError ALREADY_RUNNING */
function clearStale(lock: string, aside: string): void {
  const owner = contentOf(lock);
  if (isRunning(owner)) throw new CodedError('ALREADY_RUNNING', `process ${pidOf(owner)}`);
  try {
    renameSync(lock, aside);
  } catch (error) {
    // Another process was faster; it has the lock now or will tell us.
    if (codeOf(error) === 'ENOENT') return;
    throw new CodedError('HOME_NOT_WRITABLE');
  }
  const moved = contentOf(aside);
  // Between our look and our move a faster process may have put its own lock there: it gets it back.
  if (isRunning(moved)) linked(aside, lock);
  rmSync(aside, { force: true });
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw new CodedError('HOME_NOT_WRITABLE');
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
