import { requireParameter } from './errors.js';
import { millsRatio, normalDensity, normalUpperTail } from './normal.js';

/**
 * δ(ε) of one release of a sum with Gaussian noise of standard deviation σ and L2 sensitivity Δ, exactly, where
 * `noiseMultiplier` = σ/Δ. Balle and Wang 2018 (arXiv:1805.06530), theorem 8.
 */
export function gaussianDelta(noiseMultiplier: number, epsilon: number): number {
  if (noiseMultiplier === 0) return 1;
  if (epsilon === Infinity) return 0;
  const near = epsilon * noiseMultiplier - 1 / (2 * noiseMultiplier);
  const far = near + 1 / noiseMultiplier;
  // e^ε·φ(far) = φ(near), so neither e^ε nor a difference of two tails is ever formed where it would lose digits.
  if (near < 0) return normalUpperTail(near) - normalDensity(near) * millsRatio(far);
  return normalDensity(near) * (millsRatio(near) - millsRatio(far));
}

/** The smallest ε ≥ 0 at which one Gaussian release is (ε, δ)-private, to the last digits and not below. */
export function gaussianEpsilon(noiseMultiplier: number, delta: number): number {
  if (gaussianDelta(noiseMultiplier, 0) <= delta) return 0;
  if (noiseMultiplier === 0 || delta === 0) return Infinity;
  return firstThatFits((epsilon) => gaussianDelta(noiseMultiplier, epsilon) <= delta);
}

/**
 * The smallest noise multiplier of one Gaussian release that is (ε, δ)-private: the analytic Gaussian mechanism.
 * @throws PrivacyError PRIVACY_PARAMETER_INVALID
 */
export function gaussianNoiseMultiplier(epsilon: number, delta: number): number {
  requireParameter(epsilon >= 0 && Number.isFinite(epsilon), 'epsilon must be a finite number ≥ 0');
  requireParameter(delta > 0 && delta < 1, 'delta must lie in (0, 1)');
  return firstThatFits((noiseMultiplier) => gaussianDelta(noiseMultiplier, epsilon) <= delta);
}

/** Smallest positive number with `fits`, which must stay true once it is. */
function firstThatFits(fits: (value: number) => boolean): number {
  let high = 1;
  while (!fits(high)) high *= 2;
  let low = high / 2;
  while (low > 1e-300 && fits(low)) low /= 2;
  for (;;) {
    const middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return high;
    if (fits(middle)) high = middle;
    else low = middle;
  }
}
