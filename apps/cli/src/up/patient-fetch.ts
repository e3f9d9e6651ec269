import { pause } from '@koinon/supervisor';

const RETRY_MS = 200;
/** Starting a program again and waiting for its database take less, also on a busy machine. */
const PATIENCE_MS = 120_000;
/** The server is there, and what it stands on, such as its database, is away. */
const UNAVAILABLE = 503;

/**
 * A `fetch` that waits for a server which is being started again: where a connection fails or breaks or the service says that it
 * is not available, it asks again until `signal` aborts. After `patienceMs` the failure is the caller's.
 * Whole answers only; every request of the operator API may be sent twice.
 * @param onWait told once for every time that the server is away
 */
export function patientFetch(
  signal: AbortSignal,
  onWait: () => void = () => undefined,
  patienceMs = PATIENCE_MS,
): typeof fetch {
  return async (input, init) => {
    const giveUpAt = performance.now() + patienceMs;
    for (let isWaiting = false; ; isWaiting = true) {
      const isLast = performance.now() >= giveUpAt;
      try {
        const response = await fetch(input, { ...init, signal });
        const body = await response.arrayBuffer();
        if (response.status !== UNAVAILABLE || isLast)
          return new Response(body.byteLength > 0 ? body : null, {
            status: response.status,
            headers: response.headers,
          });
      } catch (error) {
        if (!isBroken(error) || isLast) throw error;
      }
      if (!isWaiting) onWait();
      await pause(RETRY_MS, signal);
    }
  };
}

/** Whether nobody answered, or not to the end. */
export const isBroken = (error: unknown): boolean => error instanceof TypeError && error.cause !== undefined;
