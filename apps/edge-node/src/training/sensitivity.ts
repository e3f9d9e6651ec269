import { noiseGrid } from '@koinon/privacy';

/** By how much more than the clipping norm a sum may change when one record comes or goes, as a share of it. */
const margin = 2 ** -10;

/** The part of `margin` that the noise's grid may take. */
const gridShare = 2 ** -12;

/**
 * L2 sensitivity of a clipped sum under add/remove adjacency, which the noise is a multiple of.
 *
 * The rest of the margin covers float32. One record changes one group; groups are added in float64. A group summed in runs
 * of kᵢ ≤ 64 records differs by at most 2·Σkᵢ²·2⁻²⁴ clipping norms (see `clippedGradients` of @koinon/autodiff): 2⁻¹¹ for 64
 * records, and less than the three quarters of the margin up to 109. `groupCount` keeps the mean of a group at or below 48,
 * so that one passes 109 with a probability below 1e-13 (Poisson tail); the mean itself holds up to 1e-15, see there.
 */
export function sensitivityOf(clippingNorm: number): number {
  return clippingNorm * (1 + margin);
}

/** What a mechanism is made of, as a job states it. */
interface Noise {
  readonly noiseMultiplier: number;
  readonly clippingNorm: number;
}

/** Standard deviation of the noise on a clipped sum. */
export function noiseDeviation({ noiseMultiplier, clippingNorm }: Noise): number {
  return noiseMultiplier * sensitivityOf(clippingNorm);
}

/** Whether the grid takes no more than its share of the margin: it may move two sums apart by a step in each coordinate. */
export function gridIsFine(noise: Noise, values: number): boolean {
  return noise.noiseMultiplier === 0 || Math.sqrt(values) * noiseGrid(noiseDeviation(noise)) <= noise.clippingNorm * gridShare;
}

/** Records of one run of the training graph. */
export const recordsPerRun = 64;

/** Most records of a group on average: few groups need a second run. */
const groupRecords = 48;

/** Deviations by which the rows may exceed their noised count: a Gaussian falls further with a probability below 1e-15. */
const deviations = 8;

/**
 * Groups into which a sample is dealt before it is summed. It follows from public numbers alone: with a count that depended
 * on the sample, a record more could change all groups. From above, because a noised count may lie far below the rows.
 */
export function groupCount(samplingRate: number, { noisedRowCount, rowCountNoise }: { noisedRowCount: number; rowCountNoise: number }): number {
  return Math.ceil((samplingRate * (noisedRowCount + deviations * rowCountNoise)) / groupRecords);
}
