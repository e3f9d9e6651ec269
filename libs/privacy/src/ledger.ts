import { epsilonOf, type Accountant } from './accountant.js';
import type { Mechanism } from './mechanism.js';

/** Everything that was ever charged to one set of records, in any order. The caller stores it. */
export type Ledger = readonly Mechanism[];

export interface Budget {
  readonly epsilon: number;
  readonly delta: number;
}

/** ε spent at `delta` by everything in the ledger. */
export function spent(ledger: Ledger, delta: number, accountant?: Accountant): number {
  return epsilonOf(ledger, delta, accountant);
}

/**
 * Ask before touching a record.
 * @returns ε spent at the budget's δ once all of `mechanisms` are charged as well; null where that goes past the budget
 */
export function spentWith(
  ledger: Ledger,
  mechanisms: readonly Mechanism[],
  budget: Budget,
  accountant?: Accountant,
): number | null {
  const epsilon = epsilonOf([...ledger, ...mechanisms], budget.delta, accountant);
  return epsilon <= budget.epsilon ? epsilon : null;
}

/** The ledger with `mechanism` charged. */
export function charge(ledger: Ledger, mechanism: Mechanism): Ledger {
  return [...ledger, mechanism];
}
