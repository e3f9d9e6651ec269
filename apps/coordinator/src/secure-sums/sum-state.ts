import type { ErrorCode, Failure } from '@koinon/contracts';
import type { SumState } from './secure-sums.entities.js';

/** What the database knows about a sum, at one moment. */
export interface SumFacts {
  readonly state: SumState;
  /** Why its key epoch failed, where it did: nothing under that key can be decrypted. */
  readonly keyEpochFailure: Failure | null;
  readonly cohort: readonly string[];
  /** Fewest uploads to go on with. */
  readonly quorum: number;
  readonly uploaded: readonly string[];
  readonly refused: readonly string[];
  readonly deadlinePassed: boolean;
  readonly hasRoot: boolean;
  readonly decryptors: readonly string[] | null;
  readonly decryptedBy: readonly string[];
  readonly combined: boolean;
}

/** The way of a sum to its good end; `failed` is the other one. */
export const sumOrder: readonly SumState[] = [
  'collecting',
  'freezing',
  'aggregating',
  'decrypting',
  'combining',
  'done',
];

export type SumTransition =
  | { readonly to: 'freezing' | 'aggregating' | 'decrypting' | 'combining' | 'done' }
  | { readonly to: 'failed'; readonly code: ErrorCode; readonly sites: readonly string[] };

/** A site that did not deliver what a sum waited for; who refused is recorded with a reason of its own. */
export interface Absence {
  readonly site: string;
  readonly code: ErrorCode;
}

const without = (all: readonly string[], ...taken: (readonly string[])[]): string[] =>
  all.filter((s) => !taken.some((t) => t.includes(s)));

/** The next transition of a sum, or null while it waits. Pure; the driver applies it in one transaction. */
export function nextSumTransition(sum: SumFacts): SumTransition | null {
  if (sum.state === 'done' || sum.state === 'failed') return null;
  if (sum.keyEpochFailure) return { to: 'failed', code: sum.keyEpochFailure.code, sites: [] };
  switch (sum.state) {
    case 'collecting': {
      const waiting = without(sum.cohort, sum.uploaded, sum.refused);
      if (waiting.length > 0 && !sum.deadlinePassed) return null;
      if (sum.uploaded.length >= sum.quorum) return { to: 'freezing' };
      return { to: 'failed', code: 'ROUND_QUORUM_MISSED', sites: without(sum.cohort, sum.uploaded) };
    }
    case 'freezing':
      return { to: 'aggregating' };
    case 'aggregating':
      return sum.hasRoot ? { to: 'decrypting' } : null;
    case 'decrypting': {
      const active = sum.decryptors ?? [];
      const missing = without(active, sum.decryptedBy);
      if (missing.length === 0) return { to: 'combining' };
      // A decryption share already sent fixes the decryptors for good: others would need a second share of the same sum.
      const refusing = missing.filter((s) => sum.refused.includes(s));
      if (refusing.length > 0) return { to: 'failed', code: 'SHARE_REFUSED', sites: refusing };
      return sum.deadlinePassed ? { to: 'failed', code: 'SHARES_MISSING', sites: missing } : null;
    }
    case 'combining':
      return sum.combined ? { to: 'done' } : null;
  }
}

/** Who had not delivered what the sum waited for when it stopped waiting. Nobody is to blame for a key epoch's end. */
export function absentFrom({ state, cohort, uploaded, keyEpochFailure }: SumFacts, step: SumTransition): Absence[] {
  if (keyEpochFailure) return [];
  if (state === 'collecting') return without(cohort, uploaded).map((site) => ({ site, code: 'ROUND_DEADLINE_PASSED' }));
  return step.to === 'failed' ? step.sites.map((site) => ({ site, code: step.code })) : [];
}
