/** Which version of Koinon wrote a data directory, and what carries an older one over. */
import { join } from 'node:path';
import { CodedError } from '@koinon/contracts';
import { z } from 'zod';
import { readIfThere, writeDurably } from './durable-file.js';

export const HOME_VERSION = 2;

/** Whatever else a newer version writes beside it. */
const markSchema = z.object({ homeVersion: z.int().positive() });

/**
 * What turns a home of version n into one of n + 1, by n; nothing where the two are alike. A process may be killed in it anywhere, and
 * two may be in it at once: what is written is written whole, and what is done is done again to the same end.
 * A ledger is carried over with what it says; no step makes, empties or replaces one.
 */
type CarryOver = Readonly<Record<number, (home: string) => void>>;

/**
 * Takes a home for this version before anything in it is read.
 * @throws CodedError HOME_VERSION for one that a newer version wrote or whose mark is damaged: nothing in it was touched
 */
export function takeHome(home: string, carryOver: CarryOver = {}): void {
  const version = versionOf(home);
  if (version > HOME_VERSION) {
    throw new CodedError(
      'HOME_VERSION',
      `it is of version ${version}, this Koinon reads versions 1 to ${HOME_VERSION}: start it with the Koinon that wrote it, or a newer one`,
    );
  }
  for (let from = version; from < HOME_VERSION; from++) carryOver[from]?.(home);
  if (version < HOME_VERSION) writeDurably(markOf(home), JSON.stringify({ homeVersion: HOME_VERSION }));
}

const markOf = (home: string): string => join(home, 'home.json');

/** Version 1 wrote no mark; a home that is new holds nothing of it either. */
function versionOf(home: string): number {
  const mark = readIfThere(markOf(home));
  if (mark === null) return 1;
  try {
    return markSchema.parse(JSON.parse(mark.toString('utf8'))).homeVersion;
  } catch {
    throw new CodedError('HOME_VERSION', 'home.json, which says the version, is damaged: restore it from a backup');
  }
}
