import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CodedError } from '@koinon/contracts';
import { defaultHome } from './layout.js';

/** KOINON_HOME: everything a local federation keeps. */
export function homeFolder(): string {
  return resolve(process.env['KOINON_HOME'] ?? defaultHome);
}

/**
 * Makes the folder and locks it for this process.
 * @returns what unlocks it
 * @throws CodedError HOME_NOT_WRITABLE, ALREADY_RUNNING
 */
export function lockHome(home: string): () => void {
  try {
    // The database server runs as another user when we are root: it may pass through here, secrets below are 0700.
    mkdirSync(home, { recursive: true, mode: 0o711 });
    accessSync(home, constants.W_OK);
  } catch {
    throw new CodedError('HOME_NOT_WRITABLE');
  }
  const file = join(home, 'up.pid');
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const handle = openSync(file, 'wx', 0o600);
      writeSync(handle, String(process.pid));
      closeSync(handle);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new CodedError('HOME_NOT_WRITABLE');
      const owner = Number(readFileSync(file, 'utf8'));
      if (isKoinon(owner)) throw new CodedError('ALREADY_RUNNING', `process ${owner}`);
      rmSync(file, { force: true });
    }
  }
  throw new CodedError('ALREADY_RUNNING');
}

/** Whether the process lives and is one of ours: after a reboot another program may have the number. */
function isKoinon(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('cli/dist/main.js');
  } catch {
    return true;
  }
}
