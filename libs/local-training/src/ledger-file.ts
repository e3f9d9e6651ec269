import { basename } from 'node:path';
import { CodedError } from '@koinon/contracts';
import { z } from 'zod';
import { checkDigest, withDigest, createDurably, readIfThere, writeDurably } from '@koinon/service';

const noiseMultiplier = z.number().nonnegative();
const mechanismSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('sampled-gaussian'),
    noiseMultiplier,
    samplingRate: z.number().gt(0).max(1),
    steps: z.int().positive(),
  }),
  z.strictObject({ kind: z.literal('gaussian'), noiseMultiplier, releases: z.int().positive() }),
]);
export const entrySchema = z.strictObject({
  id: z.string().min(1),
  mechanism: mechanismSchema,
  released: z.boolean(),
  /** The noised record count this entry paid for. */
  value: z.number().optional(),
});
export type LedgerEntry = z.infer<typeof entrySchema>;

const entries = z.array(entrySchema);
const fileSchema = z.strictObject({ version: z.literal(2), entries });
/** Without a digest, so that a flipped bit could lower what was spent: carried over when it is read. */
const firstSchema = z.strictObject({ version: z.literal(1), entries });

/** Makes an empty ledger where there is none; two processes that start together make one. @throws CodedError LEDGER_UNUSABLE, DISK_FULL */
export function createLedger(file: string): void {
  storing(file, () => createDurably(file, withDigest({ version: 2, entries: [] })));
}

/** @throws CodedError LEDGER_UNUSABLE, DISK_FULL */
export function writeLedger(file: string, content: readonly LedgerEntry[]): void {
  storing(file, () => writeDurably(file, withDigest({ version: 2, entries: content })));
}

/** @throws CodedError LEDGER_MISSING, LEDGER_UNUSABLE */
export function readLedger(file: string): readonly LedgerEntry[] {
  const bytes = storing(file, () => readIfThere(file));
  if (bytes === null) throw new CodedError('LEDGER_MISSING', basename(file));
  let first: readonly LedgerEntry[] | undefined;
  try {
    const text = bytes.toString();
    first = firstSchema.safeParse(JSON.parse(text)).data?.entries;
    if (!first) return fileSchema.parse(checkDigest(text)).entries;
  } catch {
    // Spent budget that is forgotten is spent twice: no guess, no fresh start.
    throw unusable(file, 'its content is damaged');
  }
  writeLedger(file, first);
  return first;
}

function storing<T>(file: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw error instanceof CodedError ? error : unusable(file, 'it cannot be read or written');
  }
}

export const unusable = (file: string, reason: string): CodedError =>
  new CodedError('LEDGER_UNUSABLE', `${basename(file)}: ${reason}`);
