import { setTimeout as sleep } from 'node:timers/promises';

const RETRY_MS = [200, 500, 1000, 2000, 5000];

/** Waits longer after each failure in a row, or until the signal. @param failures from 1 on */
export async function backOff(failures: number, signal: AbortSignal): Promise<void> {
  await sleep(RETRY_MS[Math.min(failures, RETRY_MS.length) - 1], undefined, { signal }).catch(() => undefined);
}
