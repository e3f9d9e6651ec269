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

/** Whether charging all of `mechanisms` as well would go past the budget. Ask before touching a record. */
export function wouldExceed(
  ledger: Ledger,
  mechanisms: readonly Mechanism[],
  budget: Budget,
  accountant?: Accountant,
): boolean {
  return !(epsilonOf([...ledger, ...mechanisms], budget.delta, accountant) <= budget.epsilon);
}

/** The ledger with `mechanism` charged. */
export function charge(ledger: Ledger, mechanism: Mechanism): Ledger {
  return [...ledger, mechanism];
}
