import { CodedError, thresholdOf, type Federation } from '@koinon/contracts';
import type { KeyEpochHeader } from '@koinon/he';

/**
 * The key epoch decrypts sums on the terms of the federation that this site is asked to send an update for: its scheme and
 * bits, and with no fewer uploads and key holders.
 * @throws CodedError EPOCH_TERMS_DIFFER naming the term
 */
export function checkTerms(
  { scheme, bits, roster, threshold, minUploads }: KeyEpochHeader,
  { sites, encryption }: Pick<Federation, 'sites' | 'encryption'>,
): void {
  const differs =
    scheme !== encryption.scheme
      ? 'encryption.scheme'
      : bits !== encryption.bits
        ? 'encryption.bits'
        : threshold < thresholdOf(sites.threshold, roster.length)
          ? 'sites.threshold'
          : minUploads < sites.min
            ? 'sites.min'
            : null;
  if (differs !== null) throw new CodedError('EPOCH_TERMS_DIFFER', differs);
}
