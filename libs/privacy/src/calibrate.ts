import { epsilonOf, type Accountant } from './accountant.js';
import { PrivacyError, requireParameter } from './errors.js';
import type { Mechanism } from './mechanism.js';

export interface CalibrationTarget {
  readonly epsilon: number;
  readonly delta: number;
  readonly samplingRate: number;
  readonly steps: number;
  /** What else is charged to the same budget. */
  readonly besides?: readonly Mechanism[];
  readonly accountant?: Accountant;
}

/**
 * No run gets less noise than this, however small its sampling rate. Where a record joins a sample with a probability below
 * δ, (ε, δ) alone allows to publish it as it is; at 0.3 even the record that is certain to be in the sample has ε = 19.1 at
 * δ = 1e-5 in a step (theorem 8 of Balle and Wang), within the 20 that a federation may ask for at most.
 */
export const LEAST_NOISE_MULTIPLIER = 0.3;

/** Relative width at which the search stops. */
const PRECISION = 1e-5;
const MAX_NOISE_MULTIPLIER = 1e6;

/**
 * The smallest noise multiplier (within a relative 1e-5, on the safe side) with which `steps` sampled releases
 * together with `besides` stay within (ε, δ); never below `leastNoiseMultiplier`.
 * @throws PrivacyError PRIVACY_BUDGET_UNREACHABLE when `besides` leaves nothing to spend.
 */
export function calibrateNoise(target: CalibrationTarget): number {
  const { epsilon, delta, samplingRate, steps, besides = [], accountant = 'pld' } = target;
  requireParameter(epsilon > 0 && Number.isFinite(epsilon), 'epsilon must be a finite number > 0');
  requireParameter(delta > 0 && delta < 1, 'delta must lie in (0, 1)');
  requireParameter(samplingRate > 0 && steps > 0, 'nothing to calibrate: samplingRate and steps must be > 0');
  const spentBy = (noiseMultiplier: number, by: Accountant) =>
    epsilonOf([...besides, { kind: 'sampled-gaussian', noiseMultiplier, samplingRate, steps }], delta, by);

  const coarse = smallest(1, 2, (sigma) => spentBy(sigma, 'rdp') <= epsilon);
  if (accountant === 'rdp' && coarse !== undefined) return coarse;
  const fine = smallest(coarse ?? 1, 1.2, (sigma) => spentBy(sigma, accountant) <= epsilon);
  if (fine !== undefined) return fine;
  throw new PrivacyError(
    'PRIVACY_BUDGET_UNREACHABLE',
    'no noise multiplier keeps these releases within the budget; raise epsilon or delta, or release less',
  );
}

/** Smallest σ ≥ `leastNoiseMultiplier` with `fits(σ)`, searched outwards from `start` by `factor`, then by bisection. Ends on a σ that fits. */
function smallest(start: number, factor: number, fits: (sigma: number) => boolean): number | undefined {
  let high = start;
  while (!fits(high)) {
    high *= factor;
    if (high > MAX_NOISE_MULTIPLIER) return undefined;
  }
  let low = Math.max(LEAST_NOISE_MULTIPLIER, high / factor);
  while (low < high && fits(low)) {
    high = low;
    low = Math.max(LEAST_NOISE_MULTIPLIER, low / factor);
  }
  while (high > low * (1 + PRECISION)) {
    const middle = Math.sqrt(low * high);
    if (fits(middle)) high = middle;
    else low = middle;
  }
  return high;
}
