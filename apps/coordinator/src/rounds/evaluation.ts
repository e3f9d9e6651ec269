import { evaluationLength, metricsFromCounts, type Metrics } from '@koinon/contracts';

/** Metrics of all sites' test rows together from an opened evaluation sum (little-endian u32 counts). */
export function metricsOf(result: Uint8Array): Metrics {
  const counts = new Uint32Array(new Uint8Array(result).buffer);
  return metricsFromCounts(counts.subarray(0, evaluationLength));
}
