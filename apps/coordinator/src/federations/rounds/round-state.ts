import type { ErrorCode } from '@koinon/contracts';
import type { RoundRow, RoundState } from '../federations.entities.js';
import type { KeyEpochRow } from '../../key-epochs/key-epochs.entities.js';
import type { SumState } from '../../secure-sums/secure-sums.entities.js';

export interface RoundFacts {
  readonly state: RoundState;
  readonly cohort: readonly string[];
  readonly minSites: number;
  /** Sites that were not drawn and could take the place of one that is away, in drawn order. */
  readonly spares: readonly string[];
  readonly epoch: {
    readonly state: KeyEpochRow['state'];
    readonly code?: ErrorCode;
    readonly sites: readonly string[];
  } | null;
  /** Ceremonies begun for this round so far. */
  readonly ceremonies: number;
  /** The sums over the model that the round starts from. */
  readonly base: readonly RoundSum[];
  readonly version: number | null;
  /** The sums over the model that it made. */
  readonly next: readonly RoundSum[];
}

export interface RoundSum {
  readonly state: SumState;
  readonly code?: ErrorCode;
}

export type RoundTransition =
  /** A new key epoch with these sites; those left out are recorded. */
  | {
      readonly to: 'epoch';
      readonly cohort: readonly string[];
      readonly excluded: readonly string[];
      readonly code?: ErrorCode;
    }
  | { readonly to: 'collecting' | 'updating' | 'evaluating' | 'done' }
  | { readonly to: 'failed'; readonly code: ErrorCode };

/** The way of a round to its good end; `failed` is the other one. */
export const roundOrder: readonly RoundState[] = ['planned', 'collecting', 'updating', 'evaluating', 'done'];

/** The next transition of a round, or null while it waits. Pure; the driver applies it in one transaction. */
export function nextRoundTransition(round: RoundFacts): RoundTransition | null {
  switch (round.state) {
    case 'planned':
      return planned(round);
    case 'collecting':
      return afterAll(round.base, 'updating');
    case 'updating':
      return round.version === null ? null : { to: 'evaluating' };
    case 'evaluating':
      return afterAll(round.next, 'done');
    case 'done':
    case 'failed':
      return null;
  }
}

/** A round waits for all of its sums, of which there is at least one; the first that failed ends it. */
function afterAll(sums: readonly RoundSum[], to: 'updating' | 'done'): RoundTransition | null {
  const failed = sums.find(({ state }) => state === 'failed');
  if (failed) return { to: 'failed', code: failed.code ?? 'INTERNAL' };
  return sums.length > 0 && sums.every(({ state }) => state === 'done') ? { to } : null;
}

/** Each site once, with the first reason it was left out for: later ones follow from it. */
export function withExclusions(before: RoundRow['exclusions'], added: RoundRow['exclusions']): RoundRow['exclusions'] {
  return [...before, ...added.filter(({ site }) => !before.some((b) => b.site === site))];
}

/** A round begins so many ceremonies before it gives up on sites of which none ever comes. */
export const MOST_CEREMONIES = 3;

/** A ceremony that sites spoiled starts again with others in their place, as long as there are enough; one to which nobody came starts again with all. */
function planned({ epoch, ceremonies, cohort, minSites, spares }: RoundFacts): RoundTransition | null {
  if (!epoch) return { to: 'epoch', cohort, excluded: [] };
  if (epoch.state === 'running') return null;
  if (epoch.state === 'ready') return { to: 'collecting' };
  const code = epoch.code ?? 'INTERNAL';
  const nobodyCame = code === 'EPOCH_SITE_MISSING' && cohort.every((s) => epoch.sites.includes(s));
  const excluded = nobodyCame && ceremonies < MOST_CEREMONIES ? [] : epoch.sites;
  const left = cohort.filter((s) => !excluded.includes(s));
  const replacing = spares.slice(0, cohort.length - left.length);
  if (epoch.sites.length === 0 || left.length + replacing.length < minSites) return { to: 'failed', code };
  return { to: 'epoch', cohort: [...left, ...replacing], excluded, code };
}
