import { setTimeout as delay } from 'node:timers/promises';

/** A wait is drawn out by a tenth at most, and a long one does not keep a core busy with questions. */
const SHORTEST_MS = 25;
const LONGEST_MS = 100;
const PART = 0.1;

/** Asks until the answer is neither null, undefined nor false; says what it waited for when `timeoutMs` have passed. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null | undefined | false>,
  timeoutMs = 90_000,
): Promise<T> {
  const begun = Date.now();
  const pauseMs = (): number => Math.min(LONGEST_MS, Math.max(SHORTEST_MS, PART * (Date.now() - begun)));
  for (; Date.now() < begun + timeoutMs; await delay(pauseMs())) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
  }
  throw new Error(`waited in vain: ${what}`);
}
