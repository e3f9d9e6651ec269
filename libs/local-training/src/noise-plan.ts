import type { Federation } from '@koinon/contracts';
import {
  addGaussianNoise,
  epsilonOf,
  LEAST_NOISE_MULTIPLIER,
  type FullGaussian,
  type RandomBytes,
  type SampledGaussian,
} from '@koinon/privacy';
import { releasedIn, type Charge } from '@koinon/secure-tasks';
import { TrainingError } from './training-error.js';

/** Everything a whole run releases from one site's training records. `null` stands for a release without noise. */
export interface NoisePlan {
  /** Noise per step and coordinate, in sensitivities of the clipped sum. 0 where the federation asks for no privacy. */
  readonly noiseMultiplier: number;
  /** The record count, released once per run: it divides the gradient sums and weighs the site's update. */
  readonly recordCount: FullGaussian;
  /** The steps of one round. */
  readonly round: SampledGaussian;
}

type Recipe = Pick<Federation, 'privacy' | 'rounds'>;

/**
 * The plan with the noise that the coordinator found, once it is shown to keep the whole run within (ε, δ).
 * Neighbouring tables differ by one record, so that the record count has sensitivity 1 and a clipped sum `sensitivityOf(clippingNorm)`.
 * @param charges of a training
 * @throws TrainingError TRAINING_NOISE_REQUIRED when it does not
 */
export function checkedNoise(
  { privacy: { epsilon, delta, accountant }, rounds }: Recipe,
  charges: readonly Charge[],
): NoisePlan {
  const plan = planOf(charges);
  if (epsilon === null) return plan;
  // Before the accountant, whose time grows without bound as the noise goes to zero.
  for (const { mechanism } of charges) {
    if (!(mechanism.noiseMultiplier >= LEAST_NOISE_MULTIPLIER))
      throw new TrainingError(
        'TRAINING_NOISE_REQUIRED',
        `the asked noise is below ${LEAST_NOISE_MULTIPLIER} sensitivities`,
      );
  }
  if (!(epsilonOf(releasedIn(charges, rounds), delta, accountant) <= epsilon)) {
    throw new TrainingError(
      'TRAINING_NOISE_REQUIRED',
      `the asked noise would spend more than epsilon ${epsilon} at delta ${delta}`,
    );
  }
  return plan;
}

function planOf(charges: readonly Charge[]): NoisePlan {
  const [round, recordCount] = (['round', 'run'] as const).map(
    (per) => charges.find((charge) => charge.per === per)?.mechanism,
  );
  if (charges.length !== 2 || round?.kind !== 'sampled-gaussian' || recordCount?.kind !== 'gaussian') {
    throw new TrainingError('TRAINING_JOB_INVALID', 'training releases noisy steps and a noised record count');
  }
  return { noiseMultiplier: round.noiseMultiplier, recordCount, round };
}

/** `rows` plus Gaussian noise of standard deviation `sigma` (0: exact), at least 1 so that it can divide and weigh. */
export function noisyRecordCount(rows: number, sigma: number, randomBytes: RandomBytes): number {
  if (sigma === 0) return Math.max(1, rows);
  const [noisy = 1] = addGaussianNoise(Float64Array.of(rows), sigma, randomBytes);
  return Math.max(1, noisy);
}
