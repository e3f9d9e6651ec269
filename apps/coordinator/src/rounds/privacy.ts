import { CodedError, type Federation, type RunView } from '@koinon/contracts';
import { PrivacyError, calibrateNoise, epsilonOf, type Mechanism } from '@koinon/privacy';
import type { RunRow } from '../database/entities.js';

/** Everything a site releases from one record in `rounds` rounds: its noisy steps and its noised row count, once. */
function mechanisms(spec: Federation, noiseMultiplier: number, rounds: number): Mechanism[] {
  return [
    { kind: 'sampled-gaussian', noiseMultiplier, samplingRate: spec.local.samplingRate, steps: rounds * spec.local.steps },
    ...rowCount(spec),
  ];
}

const rowCount = ({ privacy }: Federation): Mechanism[] =>
  privacy.rowCountNoise > 0 ? [{ kind: 'gaussian', noiseMultiplier: privacy.rowCountNoise, releases: 1 }] : [];

/** The smallest noise multiplier that keeps the whole run within its ε; 0 when the federation trains without noise. @throws CodedError REQUEST_INVALID when no noise does */
export function noiseFor(spec: Federation): number {
  const { epsilon, delta, accountant } = spec.privacy;
  if (epsilon === null) return 0;
  try {
    return calibrateNoise({
      epsilon, delta, accountant, samplingRate: spec.local.samplingRate, steps: spec.rounds * spec.local.steps, besides: rowCount(spec),
    });
  } catch (error) {
    throw error instanceof PrivacyError ? new CodedError('REQUEST_INVALID', error.message) : error;
  }
}

/** ε of a run after some rounds; a few numbers per run, each of which the accountant needs a moment for. */
const known = new Map<string, number>();

function epsilonAfter(run: RunRow, rounds: number): number {
  const key = `${run.id} ${rounds}`;
  const { delta, accountant } = run.spec.privacy;
  const epsilon = known.get(key) ?? epsilonOf(mechanisms(run.spec, run.noiseMultiplier, rounds), delta, accountant);
  known.set(key, epsilon);
  return epsilon;
}

/** The coordinator's mirror of the sites' ledgers after `rounds` rounds. */
export function privacyOf(run: RunRow, rounds: number): RunView['privacy'] {
  const { epsilon, delta } = run.spec.privacy;
  const spent = rounds === 0 ? 0 : run.noiseMultiplier === 0 ? null : epsilonAfter(run, rounds);
  return { unit: 'record', epsilonBudget: epsilon, epsilonSpent: spent, delta, noiseMultiplier: run.noiseMultiplier };
}
