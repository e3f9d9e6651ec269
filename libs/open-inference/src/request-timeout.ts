import { ServingError } from './serving-error.js';

/** Whole milliseconds, counted from the arrival of the request, within which the client wants the answer. */
export const TIMEOUT_HEADER = 'koinon-timeout-ms';

const LONGEST_TIMEOUT_MS = 60_000;
const DEFAULT_TIMEOUT_MS = 10_000;

/** @throws ServingError TIMEOUT_INVALID */
export function readTimeoutMs(header: string | string[] | undefined): number {
  if (header === undefined) return DEFAULT_TIMEOUT_MS;
  const timeoutMs = typeof header === 'string' && /^\d{1,5}$/.test(header) ? Number(header) : 0;
  if (timeoutMs < 1 || timeoutMs > LONGEST_TIMEOUT_MS) {
    throw new ServingError(
      'TIMEOUT_INVALID',
      `${TIMEOUT_HEADER} must be whole milliseconds from 1 to ${LONGEST_TIMEOUT_MS}.`,
    );
  }
  return timeoutMs;
}
