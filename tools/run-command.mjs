import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** A repeat within this time is the same key press: the terminal signals the whole group and npm forwards its own copy. */
const SAME_PRESS_MS = 500;

/**
 * Runs a command on our stdio until it ends and returns its exit code (128 + n after signal n).
 *
 * A supervised command is long-lived and owns other processes, so it must see each signal once: it gets
 * a process group of its own and an IPC channel. It should also stop on `disconnect`, which is how it
 * learns that this process was killed outright.
 * @param {string} file @param {string[]} args @param {{ supervise: boolean, samePressMs?: number }} options
 * @returns {Promise<number>}
 */
export async function runCommand(file, args, { supervise, samePressMs = SAME_PRESS_MS }) {
  const child = spawn(file, args, {
    detached: supervise,
    stdio: supervise ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit',
  });
  /** @type {Map<NodeJS.Signals, number>} */
  const lastSeen = new Map();
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      const now = performance.now();
      const isRepeat = now - (lastSeen.get(signal) ?? -Infinity) < samePressMs;
      lastSeen.set(signal, now);
      if (!isRepeat) child.kill(signal);
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
}
