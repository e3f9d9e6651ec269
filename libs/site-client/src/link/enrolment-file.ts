import { join } from 'node:path';
import { CodedError, publicKeySchema } from '@koinon/contracts';
import { z } from 'zod';
import { namesIn, readIfThere, writeDurably } from '@koinon/service';

/** Version 2 says that keys and ledger were on disk before it: what is missing beside it was lost. */
const fileSchema = z.strictObject({ version: z.literal(2).optional(), coordinatorKey: publicKeySchema });

const fileOf = (home: string): string => join(home, 'enrolment.json');

export const isEnrolled = (home: string): boolean => readIfThere(fileOf(home)) !== null;

/** The coordinator's key as it was pinned; null before this node has enrolled. @throws CodedError CONFIG_INVALID */
export function readEnrolment(
  home: string,
): { readonly coordinatorKey: string; readonly version?: 2 | undefined } | null {
  const bytes = readIfThere(fileOf(home));
  if (!bytes) return null;
  try {
    return fileSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    throw new CodedError('CONFIG_INVALID', 'enrolment.json is damaged; restore it from a backup');
  }
}

/** Call when keys and ledger are on disk. */
export function writeEnrolment(home: string, coordinatorKey: string): void {
  writeDurably(fileOf(home), JSON.stringify({ version: 2, coordinatorKey }));
}

/** Nothing was ever trained in this home: then it may have no ledger yet. Homes of before got one with their first charge. */
export const isUnused = (home: string): boolean =>
  readEnrolment(home)?.version === undefined && namesIn(join(home, 'epochs')).length === 0;
