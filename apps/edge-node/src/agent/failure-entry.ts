import { failureText } from '../failure-text.js';

/** From here on a difference between the clocks is worth a line in the log. */
const CLOCK_MATTERS_MS = 30_000;

export type Log = (entry: Record<string, unknown>) => void;

/** A failure as the node's own log shows it. @param doing what failed, where the code alone does not say */
export function failureEntry(
  level: 'warn' | 'error',
  error: unknown,
  { doing, clockAheadMs = 0 }: { doing?: string; clockAheadMs?: number | undefined } = {},
): Record<string, unknown> {
  const { site: by } = (error ?? {}) as { site?: string };
  const clock = Math.abs(clockAheadMs) < CLOCK_MATTERS_MS ? {} : { clockAheadMs };
  return {
    level,
    code: codeOf(error),
    ...(doing ? { doing } : {}),
    ...clock,
    ...(by ? { by } : {}),
    message: failureText(error),
  };
}

export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : 'INTERNAL';
}
