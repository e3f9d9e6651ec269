import type { ErrorCode } from '@koinon/contracts';
import type { KeyEpochRow } from './key-epochs.entities.js';

export interface KeyEpochFacts {
  readonly state: KeyEpochRow['state'];
  readonly roster: readonly string[];
  readonly steps: readonly string[];
  readonly stepIndex: number;
  /** Sites whose message of the current step has arrived. */
  readonly posted: readonly string[];
  readonly refused: readonly string[];
  readonly deadlinePassed: boolean;
  /** Digests the sites confirmed in the last step; all must be equal. */
  readonly confirmations: readonly string[];
}

export type KeyEpochTransition =
  | { readonly to: 'next-step' | 'ready' }
  | { readonly to: 'failed'; readonly code: ErrorCode; readonly sites: readonly string[] };

/** The next step of a key ceremony, or null while it waits. One missing site voids the epoch: its key would be unusable. */
export function nextKeyEpochTransition(epoch: KeyEpochFacts): KeyEpochTransition | null {
  if (epoch.state !== 'running') return null;
  const missing = epoch.roster.filter((s) => !epoch.posted.includes(s));
  const refusing = missing.filter((s) => epoch.refused.includes(s));
  if (refusing.length > 0) return { to: 'failed', code: 'EPOCH_SITE_REFUSED', sites: refusing };
  if (missing.length > 0)
    return epoch.deadlinePassed ? { to: 'failed', code: 'EPOCH_SITE_MISSING', sites: missing } : null;
  if (epoch.stepIndex < epoch.steps.length - 1) return { to: 'next-step' };
  if (new Set(epoch.confirmations).size === 1) return { to: 'ready' };
  return { to: 'failed', code: 'EPOCH_TRANSCRIPT_DIFFERS', sites: [] };
}
