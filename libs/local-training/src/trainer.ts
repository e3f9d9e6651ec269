import { addGaussianNoise, noiseDeviation, poissonSample, randomGroups, type RandomBytes } from '@koinon/privacy';
import type { Records } from '@koinon/records';
import { groupCount } from './groups.js';
import type { Charged, TrainJob, TrainResult } from './protocol.js';
import { TrainingError } from './training-error.js';

/** Gradients of the loss, clipped record by record. */
export interface GradientSource {
  /**
   * @param sample row numbers, each at most once
   * @returns the sum over the sample of gradients with L2 norm at most the clipping norm, exact up to float32, and the sum of
   * their losses
   */
  sum(weights: Float32Array, records: Records, sample: readonly number[]): Promise<{ sum: Float64Array; loss: number }>;
}

export type LocalRecipe = Pick<TrainJob, 'weights' | 'local' | 'correction'> & {
  readonly privacy: TrainJob['privacy'] & Charged;
};

/**
 * Local training by DP-SGD (Abadi et al. 2016, Algorithm 1, https://arxiv.org/abs/1607.00133): each step draws a Poisson
 * sample, adds Gaussian noise to the sum of its clipped gradients and moves by learningRate / (samplingRate · ñ). The
 * divisor is public given the noised record count ñ: neither the sample's size nor the exact record count enters.
 * FedProx's term (Li et al. 2020, https://arxiv.org/abs/1812.06127) depends on weights alone and SCAFFOLD's correction
 * (Karimireddy et al. 2020, https://arxiv.org/abs/1910.06378) is constant: both are added to the noised step and cost no ε.
 * @throws TrainingError TRAINING_DIVERGED when weights stop being finite
 */
export async function trainLocally(
  gradient: GradientSource,
  records: Records,
  recipe: LocalRecipe,
  randomBytes: RandomBytes,
): Promise<TrainResult> {
  const { local, privacy, correction } = recipe;
  const sigma = noiseDeviation(privacy);
  const groups = groupCount(local.samplingRate, privacy);
  const rate = local.learningRate / (local.samplingRate * privacy.noisedRecordCount);
  const strength = local.learningRate * local.proximalMu;
  const weights = Float32Array.from(recipe.weights);
  let loss: number | null = null;
  for (let step = 0; step < local.steps; step++) {
    const sample = poissonSample(records.rows, local.samplingRate, randomBytes);
    const exact = await sumOfGroups(randomGroups(sample, groups, randomBytes), weights.length, (group) =>
      gradient.sum(weights, records, group),
    );
    const update = sigma > 0 ? addGaussianNoise(exact.sum, sigma, randomBytes) : exact.sum;
    for (let i = 0; i < weights.length; i++) {
      const before = weights[i]!;
      const moved = before - rate * update[i]! - local.learningRate * (correction?.[i] ?? 0);
      weights[i] = proximal(moved, { before, start: recipe.weights[i]!, strength });
    }
    if (sample.length > 0) loss = exact.loss / sample.length;
  }
  if (!weights.every(Number.isFinite))
    throw new TrainingError('TRAINING_DIVERGED', 'weights are no longer finite; lower the learning rate');
  return { weights, loss, steps: local.steps };
}

async function sumOfGroups(
  groups: readonly number[][],
  length: number,
  sumOf: (group: number[]) => ReturnType<GradientSource['sum']>,
): ReturnType<GradientSource['sum']> {
  const total = { sum: new Float64Array(length), loss: 0 };
  for (const group of groups) {
    const { sum, loss } = await sumOf(group);
    for (let i = 0; i < length; i++) total.sum[i] = total.sum[i]! + sum[i]!;
    total.loss += loss;
  }
  return total;
}

/**
 * A step with the gradient μ(w − w₀) added, `strength` = learning rate · μ. From 1 on the explicit step overshoots w₀ (and
 * diverges past 2), so that the implicit one is taken, which minimises the term and the step together.
 */
function proximal(
  moved: number,
  { before, start, strength }: { before: number; start: number; strength: number },
): number {
  return strength < 1 ? moved - strength * (before - start) : start + (moved - start) / (1 + strength);
}
