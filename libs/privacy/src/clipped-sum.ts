import { noiseGrid } from './noise.js';

/** By how much more than the clipping norm a sum may change when one record comes or goes, as a share of it. */
const MARGIN = 2 ** -10;

/** The part of `margin` that the noise's grid may take. */
const GRID_SHARE = 2 ** -12;

/**
 * L2 sensitivity of a clipped sum under add/remove adjacency, which the noise is a multiple of.
 *
 * The rest of the margin covers float32. One record changes one group; groups are added in float64. A group summed in runs
 * of kᵢ ≤ 64 records differs by at most 2·Σkᵢ²·2⁻²⁴ clipping norms (see `clippedGradients` of @koinon/autodiff): 2⁻¹¹ for 64
 * records, and less than the three quarters of the margin up to 109.
 */
export function sensitivityOf(clippingNorm: number): number {
  return clippingNorm * (1 + MARGIN);
}

/** Noise of a clipped sum, in its sensitivities. */
interface ClippedNoise {
  readonly noiseMultiplier: number;
  readonly clippingNorm: number;
}

/** Standard deviation of the noise on a clipped sum. */
export function noiseDeviation({ noiseMultiplier, clippingNorm }: ClippedNoise): number {
  return noiseMultiplier * sensitivityOf(clippingNorm);
}

/** Whether the grid takes no more than its share of the margin: it may move two sums apart by a step in each coordinate. */
export function gridIsFine(noise: ClippedNoise, values: number): boolean {
  return (
    noise.noiseMultiplier === 0 ||
    Math.sqrt(values) * noiseGrid(noiseDeviation(noise)) <= noise.clippingNorm * GRID_SHARE
  );
}
