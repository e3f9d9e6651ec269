import { discreteGaussian } from './discrete-gaussian.js';
import { requireParameter } from './errors.js';
import { RandomWords, type RandomBytes } from './random-words.js';

/** σ is between 2²⁹ and 2³⁰ grid steps. */
const LOG_STEPS_PER_SIGMA = 29;

/**
 * The power of two that noise of standard deviation `sigma` is a multiple of.
 * Rounding d values to it moves their L2 norm by less than √d · 2⁻²⁹ · sigma.
 */
export function noiseGrid(sigma: number): number {
  requireParameter(sigma >= 1e-200 && sigma <= 1e200, 'sigma must lie between 1e-200 and 1e200');
  let exponent = Math.floor(Math.log2(sigma));
  if (2 ** exponent > sigma) exponent--;
  return 2 ** (exponent - LOG_STEPS_PER_SIGMA);
}

/**
 * `count` independent values of the discrete Gaussian of standard deviation `sigma` (rounded up by less than a
 * relative 2⁻²⁹) on the multiples of `noiseGrid(sigma)`.
 *
 * Noise computed in floating point leaves gaps that betray what it was added to (Mironov 2012). Here every value is an
 * exactly sampled integer times a power of two. The argument holds only if what it is added to lies on the same grid:
 * use `addGaussianNoise`. At this fineness the discrete and the continuous Gaussian agree to within exp(−2π²·2⁵⁸).
 * @throws PrivacyError PRIVACY_PARAMETER_INVALID, PRIVACY_RANDOM_SOURCE_INVALID
 */
export function gaussianNoise(count: number, sigma: number, randomBytes: RandomBytes): Float64Array {
  requireParameter(Number.isSafeInteger(count) && count >= 0, 'count must be a whole number ≥ 0');
  const grid = noiseGrid(sigma);
  const steps = Math.ceil(sigma / grid);
  const random = new RandomWords(randomBytes);
  const noise = new Float64Array(count);
  for (let i = 0; i < count; i++) noise[i] = discreteGaussian(steps, random) * grid;
  return noise;
}

/**
 * `values` rounded to the noise's grid, plus noise. Both summands are whole multiples of one power of two below 2⁵³ of
 * them, so the addition is exact and the low bits carry nothing of the values. Shape and length are kept.
 * @throws PrivacyError PRIVACY_PARAMETER_INVALID when a value is not finite or exceeds 2²² · sigma.
 */
export function addGaussianNoise(
  values: Float64Array | Float32Array,
  sigma: number,
  randomBytes: RandomBytes,
): Float64Array {
  const grid = noiseGrid(sigma);
  const noisy = gaussianNoise(values.length, sigma, randomBytes);
  for (let i = 0; i < noisy.length; i++) {
    const steps = Math.round(values[i]! / grid);
    requireParameter(Math.abs(steps) <= 2 ** 52, 'values must be finite and not exceed 2^22 times sigma; clip first');
    noisy[i] = steps * grid + noisy[i]!;
  }
  return noisy;
}
