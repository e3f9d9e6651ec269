/**
 * The vector a site sends for its update: the record-weighted delta of every trainable value, then the weight itself,
 * so that nobody learns a site's delta or record count and the weighted mean still comes out of one sum.
 * All entries lie in [-range, range] before they are quantised.
 */
import { CodedError } from '@koinon/contracts';

export interface UpdateScaling {
  /** Records that count as weight 1. */
  readonly maxRecords: number;
  /** Bound on a delta value and scale of the weight entry. */
  readonly range: number;
}

export const updateLength = (parameterCount: number): number => parameterCount + 1;

/**
 * Whether most of an update lies at or beyond `bound`, so that clipping has made another update of it: the training diverged,
 * or its range is too small. Decided on weights that carry the noise already, so it tells nothing more of a record.
 */
export function isSaturated(delta: Float32Array | Float64Array, bound: number): boolean {
  let beyond = 0;
  for (const value of delta) if (!(Math.abs(value) < bound)) beyond++;
  return 2 * beyond > delta.length;
}

/**
 * @param delta trained minus base weights, all trainable values in federation order
 * @param records the site's noised record count, ≥ 1
 * @returns [delta.length + 1]
 */
export function updateVector(delta: Float32Array, records: number, { maxRecords, range }: UpdateScaling): Float32Array {
  const weight = Math.min(records, maxRecords) / maxRecords;
  const vector = new Float32Array(updateLength(delta.length));
  for (let i = 0; i < delta.length; i++) vector[i] = Math.max(-range, Math.min(range, delta[i]!)) * weight;
  vector[delta.length] = weight * range;
  return vector;
}

/**
 * The weighted mean delta and the summed records from the summed vectors of all sites.
 * @throws CodedError SUM_OUT_OF_RANGE when no weight arrived
 */
export function meanUpdate(
  summed: Float64Array,
  { maxRecords, range }: UpdateScaling,
): { delta: Float64Array; records: number } {
  const weight = summed[summed.length - 1]! / range;
  if (!(weight > 0)) throw new CodedError('SUM_OUT_OF_RANGE', 'the summed weight is not positive');
  return { delta: summed.slice(0, -1).map((v) => v / weight), records: weight * maxRecords };
}
