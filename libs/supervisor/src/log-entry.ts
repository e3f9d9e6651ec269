import { z } from 'zod';

/** The part of our programs' log lines that a person at the terminal needs. */
export interface LogEntry {
  readonly level?: string | undefined;
  readonly code?: string | undefined;
  readonly message: string;
}

const entrySchema = z.object({ level: z.string().optional(), code: z.string().optional(), message: z.string() });

/** One line of a log; null when it is not an entry of ours (a stack trace, a warning of the runtime). */
export function parseEntry(line: string): LogEntry | null {
  try {
    return entrySchema.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
