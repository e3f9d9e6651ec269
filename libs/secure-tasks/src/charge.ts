import type { Mechanism } from '@koinon/privacy';

/** What a site's ledger must grant before anything is computed from records. */
export interface Charge {
  readonly mechanism: Mechanism;
  /** How often it is released: once in every round, or once and for all in a run. */
  readonly per: 'round' | 'run';
}

/** The charged round of a run whose result something hangs on. */
export interface ChargedRound {
  readonly runId: string;
  readonly round: number;
}

/** Everything that a site releases from one record in so many rounds of the same charges. */
export function releasedIn(charges: readonly Charge[], rounds: number): Mechanism[] {
  return charges.map(({ mechanism, per }) => (per === 'run' ? mechanism : repeated(mechanism, rounds)));
}

const repeated = (mechanism: Mechanism, times: number): Mechanism =>
  mechanism.kind === 'gaussian'
    ? { ...mechanism, releases: times * mechanism.releases }
    : { ...mechanism, steps: times * mechanism.steps };
