import { join } from 'node:path';
import { CodedError, rosterEntrySchema, type RosterEntry } from '@koinon/contracts';
import { checkDigest, readIfThere, withDigest, writeDurably } from '@koinon/service';
import { z } from 'zod';

const fileSchema = z.strictObject({ version: z.literal(2), sites: z.array(rosterEntrySchema) });
/** Without a digest: carried over when it is read. */
const firstSchema = z.record(z.string(), rosterEntrySchema);

const fileOf = (home: string): string => join(home, 'roster.json');

export const writePins = (home: string, sites: readonly RosterEntry[]): void =>
  writeDurably(fileOf(home), withDigest({ version: 2, sites }));

/** By site; none before the first roster. @throws CodedError CONFIG_INVALID */
export function readPins(home: string): Map<string, RosterEntry> {
  const stored = readIfThere(fileOf(home));
  if (!stored) return new Map();
  try {
    const text = stored.toString('utf8');
    const first = firstSchema.safeParse(JSON.parse(text)).data;
    const sites = first ? Object.values(first) : fileSchema.parse(checkDigest(text)).sites;
    if (first) writePins(home, sites);
    return new Map(sites.map((entry) => [entry.site, entry]));
  } catch {
    // Forgotten pins would trust whatever keys come next.
    throw new CodedError('CONFIG_INVALID', 'roster.json is damaged; restore it from a backup');
  }
}
