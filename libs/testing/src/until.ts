import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 25;

/** Asks until the answer is neither null, undefined nor false; says what it waited for when `timeoutMs` have passed. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null | undefined | false>,
  timeoutMs = 90_000,
): Promise<T> {
  for (const giveUpAt = Date.now() + timeoutMs; Date.now() < giveUpAt; await delay(POLL_MS)) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
  }
  throw new Error(`waited in vain: ${what}`);
}
