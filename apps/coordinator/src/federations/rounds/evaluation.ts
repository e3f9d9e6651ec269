import { countsOfDigits, metricsFromCounts, type Metrics } from '@koinon/contracts';

/** Metrics of all sites' test rows together from an opened evaluation sum of values of `bits` bits (little-endian u32 digits). */
export function metricsOf(result: Uint8Array, bits: number): Metrics {
  return metricsFromCounts(countsOfDigits(new Uint32Array(new Uint8Array(result).buffer), bits));
}
