import type { RunView } from '@koinon/contracts';
import { epsilonOf } from '@koinon/privacy';
import type { RunRow } from '../database/entities.js';
import { releasedIn } from '../recipe/noise.js';

/** ε of a run after some rounds; a few numbers per run, each of which the accountant needs a moment for. */
const known = new Map<string, number>();

function epsilonAfter(run: RunRow, rounds: number): number {
  const key = `${run.id} ${rounds}`;
  const { delta, accountant } = run.spec.privacy;
  const epsilon = known.get(key) ?? epsilonOf(releasedIn(run.spec, run.noiseMultiplier, rounds), delta, accountant);
  known.set(key, epsilon);
  return epsilon;
}

/** The coordinator's mirror of the sites' ledgers after `rounds` rounds. */
export function privacyOf(run: RunRow, rounds: number): RunView['privacy'] {
  const { epsilon, delta } = run.spec.privacy;
  const spent = rounds === 0 ? 0 : run.noiseMultiplier === 0 ? null : epsilonAfter(run, rounds);
  return { unit: 'record', epsilonBudget: epsilon, epsilonSpent: spent, delta, noiseMultiplier: run.noiseMultiplier };
}
