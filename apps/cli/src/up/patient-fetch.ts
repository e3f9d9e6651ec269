import { pause } from './pause.js';

const RETRY_MS = 200;

/**
 * A `fetch` that waits for a server which is being started again: a connection that fails or breaks is tried again
 * until `signal` aborts. Whole answers only; every request of the operator API may be sent twice.
 */
export function patientFetch(signal: AbortSignal): typeof fetch {
  return async (input, init) => {
    for (;;) {
      try {
        const response = await fetch(input, { ...init, signal });
        const body = await response.arrayBuffer();
        return new Response(body.byteLength > 0 ? body : null, { status: response.status, headers: response.headers });
      } catch (error) {
        if (!isBroken(error)) throw error;
        await pause(RETRY_MS, signal);
      }
    }
  };
}

/** Whether nobody answered, or not to the end. */
export const isBroken = (error: unknown): boolean => error instanceof TypeError && error.cause !== undefined;
