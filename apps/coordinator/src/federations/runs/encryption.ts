import { randomUUID } from 'node:crypto';
import { CodedError, thresholdOf, type Federation, type RunView } from '@koinon/contracts';
import { HeError, schemes, type KeyEpochHeader } from '@koinon/he';

/**
 * Sizes of the scheme for so many sites; what a round really sent is in its uploadBytes.
 * @param sums of a round
 * @throws CodedError REQUEST_INVALID when there is no such scheme, or it cannot serve them: too many, or no room for the noise
 */
export function encryptionOf({ encryption, sites }: Federation, siteCount: number, sums = 1): RunView['encryption'] {
  const roster = Array.from({ length: siteCount }, (_, i) => `site-${i}`);
  const threshold = thresholdOf(sites.threshold, siteCount);
  const header: KeyEpochHeader = {
    scheme: encryption.scheme,
    version: 1,
    keyEpochId: randomUUID(),
    seed: '0'.repeat(64),
    roster,
    threshold,
    minUploads: threshold,
    bits: encryption.bits,
    sums,
  };
  try {
    const scheme = schemes.named(encryption.scheme);
    const { uploadBlockBytes, valuesPerBlock } = scheme.layout(header);
    const bytesPerParameter = uploadBlockBytes / valuesPerBlock;
    return { scheme: scheme.name, title: scheme.title, bytesPerParameter, valuesPerBlock };
  } catch (error) {
    throw error instanceof HeError
      ? new CodedError('REQUEST_INVALID', `encryption for ${siteCount} sites: ${error.message}`)
      : error;
  }
}
