import { requireParameter } from './errors.js';

/** `steps` releases of a clipped sum over a Poisson sample: every record joins independently with `samplingRate`. */
export interface SampledGaussian {
  readonly kind: 'sampled-gaussian';
  /** Standard deviation of the noise divided by the L2 sensitivity. */
  readonly noiseMultiplier: number;
  readonly samplingRate: number;
  readonly steps: number;
}

/** `releases` of a sum over all records. */
export interface FullGaussian {
  readonly kind: 'gaussian';
  readonly noiseMultiplier: number;
  readonly releases: number;
}

export type Mechanism = SampledGaussian | FullGaussian;

/** Equal releases of one sampled Gaussian: the form in which the accountants compose. */
export interface Component {
  readonly sigma: number;
  readonly rate: number;
  readonly count: number;
}

/** Throws PRIVACY_PARAMETER_INVALID unless every number of `mechanism` is in its range. */
export function checkMechanism(mechanism: Mechanism): void {
  const { noiseMultiplier } = mechanism;
  requireParameter(
    Number.isFinite(noiseMultiplier) && noiseMultiplier >= 0,
    'noiseMultiplier must be a finite number ≥ 0',
  );
  if (mechanism.kind === 'gaussian') {
    requireParameter(isCount(mechanism.releases), 'releases must be a whole number ≥ 0');
  } else {
    requireParameter(isCount(mechanism.steps), 'steps must be a whole number ≥ 0');
    requireParameter(mechanism.samplingRate >= 0 && mechanism.samplingRate <= 1, 'samplingRate must lie in [0, 1]');
  }
}

/**
 * The same composition in one canonical form: what costs nothing is dropped, equal releases are counted together,
 * unsampled Gaussians become the single Gaussian they are equal to (1/σ² adds up), and the order is fixed.
 * Splitting or reordering a ledger therefore cannot change ε by a rounding error.
 */
export function componentsOf(mechanisms: readonly Mechanism[]): Component[] {
  const sampled = new Map<string, Component>();
  const full: number[] = [];
  for (const mechanism of mechanisms) {
    checkMechanism(mechanism);
    const sigma = mechanism.noiseMultiplier;
    const rate = mechanism.kind === 'gaussian' ? 1 : mechanism.samplingRate;
    const count = mechanism.kind === 'gaussian' ? mechanism.releases : mechanism.steps;
    if (rate === 0 || count === 0) continue;
    const key = `${sigma}/${rate}`;
    sampled.set(key, { sigma, rate, count: count + (sampled.get(key)?.count ?? 0) });
  }
  const components = [...sampled.values()].sort((a, b) => a.rate - b.rate || a.sigma - b.sigma);
  const partial = components.filter((component) => component.rate < 1);
  for (const { sigma, rate, count } of components) if (rate === 1) full.push(count / sigma ** 2);
  if (full.length === 0) return partial;
  const precision = full.reduce((sum, value) => sum + value, 0);
  return [...partial, { sigma: 1 / Math.sqrt(precision), rate: 1, count: 1 }];
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
