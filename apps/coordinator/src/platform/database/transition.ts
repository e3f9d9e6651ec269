/** What the doors between states have in common: who, why, and no way back. */
import type { Failure } from '@koinon/contracts';

/** Why a state is entered; all of it goes to the audit log. */
export interface Why {
  readonly actor: string;
  readonly failure?: Failure;
  readonly detail?: Record<string, unknown>;
}

/** The driver's steps need no other reason than the facts they follow from. */
export const byCoordinator = (detail?: Record<string, unknown>): Why => ({
  actor: 'coordinator',
  ...(detail ? { detail } : {}),
});
export const becauseOf = (failure: Failure): Why => ({ actor: 'coordinator', failure });

/**
 * Whether a state may follow another: `order` runs from the first state to the good end, states outside of it are bad ends.
 * An end is never left, and nothing goes back: a job that finishes late or twice changes nothing.
 */
export function mayFollow<State>(order: readonly State[], from: State, to: State): boolean {
  const at = order.indexOf(from);
  if (at < 0 || at === order.length - 1) return false;
  return !order.includes(to) || order.indexOf(to) > at;
}
