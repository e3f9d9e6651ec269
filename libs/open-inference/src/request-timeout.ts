import { ServingError } from './serving-error.js';

/** Whole milliseconds, counted from the arrival of the request, within which the client wants the answer. */
export const timeoutHeader = 'koinon-timeout-ms';

const longestTimeoutMs = 60_000;
const defaultTimeoutMs = 10_000;

/** @throws ServingError TIMEOUT_INVALID */
export function readTimeoutMs(header: string | string[] | undefined): number {
  if (header === undefined) return defaultTimeoutMs;
  const timeoutMs = typeof header === 'string' && /^\d{1,5}$/.test(header) ? Number(header) : 0;
  if (timeoutMs < 1 || timeoutMs > longestTimeoutMs) {
    throw new ServingError(
      'TIMEOUT_INVALID',
      `${timeoutHeader} must be whole milliseconds from 1 to ${longestTimeoutMs}.`,
    );
  }
  return timeoutMs;
}
