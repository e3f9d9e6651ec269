import { CodedError, countsOfDigits, metricsFromCounts, type Metrics } from '@koinon/contracts';
import type { BlobStore } from '../../platform/blobs/blob-store.js';
import { resultKey } from '../../secure-sums/blob-keys.js';
import type { SumRow } from '../../secure-sums/secure-sums.entities.js';

/** Metrics of all sites' test rows together from a decrypted evaluation sum of values of `bits` bits (little-endian u32 digits). */
export function metricsOf(result: Uint8Array, bits: number): Metrics {
  return metricsFromCounts(countsOfDigits(new Uint32Array(new Uint8Array(result).buffer), bits));
}

/** @returns the error where the stored result is damaged or gone: a round without metrics is not done */
export async function storedMetrics(blobs: BlobStore, sum: SumRow, bits: number): Promise<Metrics | CodedError> {
  const result = blobs.get({ key: resultKey(sum.id), sha256: sum.resultSha256! });
  return result.then(
    (bytes) => metricsOf(bytes, bits),
    (error: unknown) => {
      if (error instanceof CodedError) return error;
      throw error;
    },
  );
}
