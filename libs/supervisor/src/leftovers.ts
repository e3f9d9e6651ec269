import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning, pidOf } from './process-identity.js';
import { pause } from './pause.js';

const PATIENCE_MS = 15_000;
const POLL_MS = 50;

/**
 * Programs of an earlier start whose `up` was killed end by themselves. Two programs over one folder would spoil its
 * state, so the new ones wait until the old are gone; who is still there after `patienceMs` is killed.
 * @param folder with one file per program, naming its process
 */
export async function waitForLeftovers(
  folder: string,
  say: (line: string) => void,
  signal: AbortSignal,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const files = readdirSync(folder).map((name) => join(folder, name));
  const left = (): string[] => files.map((file) => readFileSync(file, 'utf8')).filter(isRunning);
  if (left().length > 0) say('waiting for the programs of the last start to end');
  for (const giveUpAt = Date.now() + patienceMs; left().length > 0; await pause(POLL_MS, signal)) {
    if (Date.now() > giveUpAt) for (const identity of left()) kill(pidOf(identity));
  }
  for (const file of files) rmSync(file, { force: true });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in this moment.
  }
}
