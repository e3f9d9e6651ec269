import { basename } from 'node:path';
import { spent, wouldExceed, type Accountant, type Budget, type FullGaussian, type Mechanism, type RandomBytes, type SampledGaussian } from '@koinon/privacy';
import { z } from 'zod';
import { readIfThere, writeDurably } from '../durable-file.js';
import { noisyRowCount } from './noise-plan.js';
import { TrainingError } from './training-error.js';

const noiseMultiplier = z.number().nonnegative();
const mechanismSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sampled-gaussian'), noiseMultiplier, samplingRate: z.number().gt(0).max(1), steps: z.int().positive() }),
  z.strictObject({ kind: z.literal('gaussian'), noiseMultiplier, releases: z.int().positive() }),
]);
const entrySchema = z.strictObject({
  id: z.string().min(1),
  mechanism: mechanismSchema,
  released: z.boolean(),
  /** The noised row count this entry paid for. */
  value: z.number().optional(),
});
const fileSchema = z.strictObject({ version: z.literal(1), entries: z.array(entrySchema) });
type Entry = z.infer<typeof entrySchema>;

export interface LedgerOptions {
  /** The site's own limit over all runs on these records; null only where the site gives up privacy by its own configuration. */
  readonly budget: Budget | null;
  readonly accountant: Accountant;
  readonly randomBytes: RandomBytes;
}

/**
 * What one set of records has paid so far. A charge is on disk, synced, before the call returns, so nothing is computed
 * from records that a crash could make free. One process per file.
 *
 * Training of one id may be repeated after a crash at no new charge, because an unreleased result told nobody
 * anything; from `release` on it is refused, and the caller sends the bytes it stored.
 */
export class PrivacyLedger {
  private known: { readonly entries: number; readonly delta: number; readonly epsilon: number } | undefined;

  private constructor(
    private readonly file: string,
    private entries: readonly Entry[],
    private readonly options: LedgerOptions,
  ) {}

  /** Opens the ledger in `file`; a file that is not there yet is an empty ledger. @throws TrainingError TRAINING_LEDGER_UNUSABLE */
  static open(file: string, options: LedgerOptions): PrivacyLedger {
    return new PrivacyLedger(file, readEntries(file), options);
  }

  /** ε spent at `delta` over all runs; Infinity once something left without noise. */
  spent(delta: number): number {
    // The accountant needs a moment, and the node reports far more often than it trains.
    if (this.known?.entries !== this.entries.length || this.known.delta !== delta) {
      this.known = { entries: this.entries.length, delta, epsilon: spent(this.mechanisms, delta, this.options.accountant) };
    }
    return this.known.epsilon;
  }

  /** Every charge, for the coordinator's mirror. */
  get mechanisms(): readonly Mechanism[] {
    return this.entries.map((entry) => entry.mechanism);
  }

  /**
   * Charges one round of training before it starts.
   * @param id unique per run and round
   * @throws TrainingError TRAINING_BUDGET_EXHAUSTED, TRAINING_NOISE_REQUIRED, TRAINING_ALREADY_RELEASED, TRAINING_LEDGER_UNUSABLE
   */
  chargeTraining(id: string, mechanism: SampledGaussian): void {
    this.chargeOnce({ id, mechanism, released: false });
  }

  /** Must return before the first byte of the result of `id` leaves the site. */
  release(id: string): void {
    if (!this.find(id)) throw new TrainingError('TRAINING_LEDGER_UNUSABLE', `${id} was never charged`);
    this.write(this.entries.map((entry) => (entry.id === id ? { ...entry, released: true } : entry)));
  }

  /** The noised row count of one run: drawn and charged the first time, the same value ever after. Same errors as a charge. */
  rowCount(id: string, rows: number, mechanism: FullGaussian): number {
    const known = this.find(id)?.value;
    if (known !== undefined) return known;
    const value = noisyRowCount(rows, mechanism.noiseMultiplier, this.options.randomBytes);
    this.chargeOnce({ id, mechanism, released: true, value });
    return value;
  }

  private chargeOnce(entry: Entry): void {
    const known = this.find(entry.id);
    if (known?.released) throw new TrainingError('TRAINING_ALREADY_RELEASED', `the result of ${entry.id} has left the site; send the stored one again`);
    if (known && JSON.stringify(known.mechanism) === JSON.stringify(entry.mechanism)) return;
    if (known) throw new TrainingError('TRAINING_LEDGER_UNUSABLE', `${entry.id} was charged for other parameters`);
    if (!entrySchema.safeParse(entry).success) throw new TrainingError('TRAINING_JOB_INVALID', `${entry.id}: not a mechanism that can be charged`);
    const { budget, accountant } = this.options;
    if (budget && entry.mechanism.noiseMultiplier === 0) {
      throw new TrainingError('TRAINING_NOISE_REQUIRED', 'this site has a privacy budget and does not train without noise');
    }
    if (budget && wouldExceed(this.mechanisms, entry.mechanism, budget, accountant)) {
      throw new TrainingError('TRAINING_BUDGET_EXHAUSTED', `charging ${entry.id} would go past epsilon ${budget.epsilon} at delta ${budget.delta}`);
    }
    this.write([...this.entries, entry]);
  }

  private find(id: string): Entry | undefined {
    return this.entries.find((entry) => entry.id === id);
  }

  private write(entries: readonly Entry[]): void {
    try {
      writeDurably(this.file, `${JSON.stringify({ version: 1, entries }, null, 1)}\n`);
    } catch {
      throw unusable(this.file, 'it cannot be written');
    }
    this.entries = entries;
  }
}

function readEntries(file: string): readonly Entry[] {
  let bytes: Buffer | null;
  try {
    bytes = readIfThere(file);
  } catch {
    throw unusable(file, 'it cannot be read');
  }
  if (bytes === null) return [];
  try {
    return fileSchema.parse(JSON.parse(bytes.toString())).entries;
  } catch {
    // Spent budget that is forgotten is spent twice: no guess, no fresh start.
    throw unusable(file, 'its content is damaged; restore it from a backup');
  }
}

const unusable = (file: string, reason: string): TrainingError =>
  new TrainingError('TRAINING_LEDGER_UNUSABLE', `privacy ledger ${basename(file)}: ${reason}`);
