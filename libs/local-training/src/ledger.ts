import { CodedError } from '@koinon/contracts';
import { spent, spentWith, type Accountant, type Budget, type Mechanism, type RandomBytes } from '@koinon/privacy';
import type { ChargedRound } from '@koinon/secure-tasks';
import { mostRecords } from './groups.js';
import { createLedger, entrySchema, readLedger, unusable, writeLedger, type LedgerEntry } from './ledger-file.js';
import { noisyRecordCount, type NoisePlan } from './noise-plan.js';
import { TrainingError } from './training-error.js';

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
 * anything; from `release` on it is refused, and the caller sends the bytes it stored or its refusal.
 */
export class PrivacyLedger {
  private known: { readonly entries: number; readonly delta: number; readonly epsilon: number } | undefined;

  private constructor(
    private readonly file: string,
    private entries: readonly LedgerEntry[],
    private readonly options: LedgerOptions,
  ) {}

  /** Makes an empty ledger in `file` where there is none: once, before these records can have paid for anything. */
  static create(file: string): void {
    createLedger(file);
  }

  /** Opens the ledger in `file`. @throws CodedError LEDGER_MISSING, LEDGER_UNUSABLE */
  static open(file: string, options: LedgerOptions): PrivacyLedger {
    return new PrivacyLedger(file, readLedger(file), options);
  }

  /** ε spent at `delta` over all runs; Infinity once something left without noise. */
  spent(delta: number): number {
    // The accountant needs a moment, and the node reports far more often than it trains.
    if (this.known?.entries !== this.entries.length || this.known.delta !== delta) {
      this.known = {
        entries: this.entries.length,
        delta,
        epsilon: spent(this.mechanisms, delta, this.options.accountant),
      };
    }
    return this.known.epsilon;
  }

  /** Every charge, for the coordinator's mirror. */
  get mechanisms(): readonly Mechanism[] {
    return this.entries.map((entry) => entry.mechanism);
  }

  /**
   * Charges one round of training before it starts, and with a run's first round its record count: both in one write, or neither.
   * @returns the noised record count of the run, drawn once and the same ever after
   * @throws TrainingError TRAINING_DATA_INVALID, TRAINING_BUDGET_EXHAUSTED, TRAINING_NOISE_REQUIRED, TRAINING_ALREADY_RELEASED
   * @throws CodedError MESSAGE_CONFLICT, LEDGER_UNUSABLE, DISK_FULL
   */
  chargeRound({ runId, round }: ChargedRound, rows: number, plan: Pick<NoisePlan, 'recordCount' | 'round'>): number {
    const rowsId = `${runId}/rows`;
    const { noiseMultiplier: recordCountNoise } = plan.recordCount;
    const value = this.find(rowsId)?.value ?? noisyRecordCount(rows, recordCountNoise, this.options.randomBytes);
    if (recordCountNoise > 0 && rows > mostRecords({ noisedRecordCount: value, recordCountNoise })) {
      throw new TrainingError(
        'TRAINING_DATA_INVALID',
        'the table has grown too far since this run counted its rows; a new run counts them again',
      );
    }
    this.charge([
      { id: rowsId, mechanism: plan.recordCount, released: true, value },
      { id: roundId(runId, round), mechanism: plan.round, released: false },
    ]);
    return value;
  }

  /** Must return before the first byte that hangs on the result of a round leaves the site: of its upload, or of a refusal. */
  release({ runId, round }: ChargedRound): void {
    const id = roundId(runId, round);
    const entry = this.find(id);
    if (!entry) throw unusable(this.file, `${id} was never charged`);
    if (entry.released) return;
    this.write(this.entries.map((entry) => (entry.id === id ? { ...entry, released: true } : entry)));
  }

  isCharged({ runId, round }: ChargedRound): boolean {
    return this.find(roundId(runId, round)) !== undefined;
  }

  private charge(entries: readonly LedgerEntry[]): void {
    const due = entries.filter((entry) => !this.isPaid(entry));
    if (due.length === 0) return;
    const mechanisms = due.map(({ mechanism }) => mechanism);
    const { budget, accountant } = this.options;
    if (due.some((entry) => !entrySchema.safeParse(entry).success))
      throw new TrainingError('TRAINING_JOB_INVALID', 'not a mechanism that can be charged');
    if (budget && mechanisms.some(({ noiseMultiplier: sigma }) => sigma === 0)) {
      throw new TrainingError(
        'TRAINING_NOISE_REQUIRED',
        'this site has a privacy budget and does not train without noise',
      );
    }
    const epsilon = budget && spentWith(this.mechanisms, mechanisms, budget, accountant);
    if (budget && epsilon === null) {
      throw new TrainingError(
        'TRAINING_BUDGET_EXHAUSTED',
        `charging ${due.map(({ id }) => id).join(' and ')} would go past epsilon ${budget.epsilon} at delta ${budget.delta}`,
      );
    }
    this.write([...this.entries, ...due]);
    if (budget) this.known = { entries: this.entries.length, delta: budget.delta, epsilon: epsilon! };
  }

  /** Charged before for the same mechanism, and either a record count, which is the same each time, or not yet released. */
  private isPaid({ id, mechanism }: LedgerEntry): boolean {
    const known = this.find(id);
    if (!known) return false;
    if (known.released && known.value === undefined)
      throw new TrainingError(
        'TRAINING_ALREADY_RELEASED',
        `the result of ${id} has left the site; send the stored one again`,
      );
    if (JSON.stringify(known.mechanism) !== JSON.stringify(mechanism))
      throw new CodedError('MESSAGE_CONFLICT', `${id} was charged for other parameters`);
    return true;
  }

  private find(id: string): LedgerEntry | undefined {
    return this.entries.find((entry) => entry.id === id);
  }

  private write(entries: readonly LedgerEntry[]): void {
    writeLedger(this.file, entries);
    this.entries = entries;
  }
}

const roundId = (runId: string, round: number): string => `${runId}/${round}`;
