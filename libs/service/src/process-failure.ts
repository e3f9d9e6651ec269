/** How a process of ours ends on a failure, and how whoever started it reads that. */
import { CodedError, fromWire, toWire } from '@koinon/contracts';

/** Exit code of every coded failure; the error itself is the last line on stderr. */
export const CODED_EXIT = 2;

/**
 * @param message what the log may hold of a failure that is not coded
 * @returns the line for stderr and the exit code: a coded error in its wire form, and anything else as an entry for the log
 */
export function failureOf(
  error: unknown,
  message = String(error),
): { readonly line: string; readonly exitCode: number } {
  const coded = error instanceof CodedError ? error : systemError(error);
  if (coded) return { line: JSON.stringify(toWire(coded)), exitCode: CODED_EXIT };
  return { line: JSON.stringify({ code: 'INTERNAL', message }), exitCode: 1 };
}

/** The error of a line that `failureOf` made; null for any other line. */
export function failureIn(line: string): CodedError | null {
  try {
    return fromWire(JSON.parse(line));
  } catch {
    return null;
  }
}

/** What the operating system says and a person can mend. */
function systemError(error: unknown): CodedError | null {
  const { code, port } = (error ?? {}) as { code?: string; port?: number };
  if (code === 'EADDRINUSE') return new CodedError('PORT_IN_USE', `port ${port ?? '?'}`);
  return code === 'ENOSPC' || code === 'EDQUOT' ? new CodedError('DISK_FULL') : null;
}
