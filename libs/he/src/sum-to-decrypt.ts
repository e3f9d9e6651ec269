import { createHash } from 'node:crypto';
import { HeError } from './errors.js';
import { headerDigest } from './header.js';
import type { KeyEpochHeader, SumToDecrypt } from './scheme.js';
import { KIND, PREFIX_BYTES, concat, payload, prefix } from './wire.js';

const LABEL_BYTES = 16;
/** Bytes of a decryption share before its body. */
export const DECRYPTION_SHARE_HEAD_BYTES = PREFIX_BYTES + LABEL_BYTES;

/**
 * The rules of every scheme for what may be decrypted.
 * @throws HeError SUM_INDEX_INVALID, UPLOADERS_INVALID, TOO_FEW_UPLOADS, DECRYPTORS_INVALID
 */
export function checkSumToDecrypt(header: KeyEpochHeader, sum: SumToDecrypt): void {
  checkSumIndex(header, sum.sumIndex);
  if (!isOrderedSubset(header.roster, sum.uploaders)) {
    throw new HeError('UPLOADERS_INVALID', 'uploaders must be distinct sites of the roster, in its order');
  }
  if (sum.uploaders.length < header.minUploads) {
    throw new HeError('TOO_FEW_UPLOADS', `a sum of fewer than ${header.minUploads} uploads is never decrypted`);
  }
  if (!isOrderedSubset(header.roster, sum.decryptors) || sum.decryptors.length !== header.threshold) {
    throw new HeError(
      'DECRYPTORS_INVALID',
      `the decryptors must be ${header.threshold} distinct sites of the roster, in its order`,
    );
  }
}

export function checkSumIndex(header: KeyEpochHeader, sumIndex: number): void {
  if (!Number.isInteger(sumIndex) || sumIndex < 0 || sumIndex >= header.sums) {
    throw new HeError('SUM_INDEX_INVALID', `this key epoch serves sums 0 to ${header.sums - 1}; begin a new one`);
  }
}

/** @throws HeError VALUE_OUT_OF_RANGE when there is no value or one has more bits than the epoch */
export function checkValues(header: KeyEpochHeader, values: Uint32Array): void {
  let all = 0;
  for (let i = 0; i < values.length; i++) all |= values[i]!;
  if (values.length === 0 || all >>> header.bits !== 0) {
    throw new HeError('VALUE_OUT_OF_RANGE', `one value or more, each below 2^${header.bits}, is expected`);
  }
}

/** Ties a decryption share to its site, sum index, uploaders and decryptors, so that a mix-up is named as one. */
export function decryptionShareLabel(header: KeyEpochHeader, sum: SumToDecrypt, site: string): Uint8Array {
  const canonical = JSON.stringify([headerDigest(header), sum.sumIndex, sum.uploaders, sum.decryptors, site]);
  return new Uint8Array(
    createHash('sha256').update('koinon/he/share/v1\0').update(canonical).digest().subarray(0, LABEL_BYTES),
  );
}

/**
 * What stands behind prefix and label of every decryption share, in the decryptors' order; of any length.
 * @throws HeError DECRYPTION_SHARE_MISSING, DECRYPTION_SHARE_MALFORMED, DECRYPTORS_INVALID naming the site
 */
export function decryptionShareBodies(
  header: KeyEpochHeader,
  sum: SumToDecrypt,
  shares: ReadonlyMap<string, Uint8Array>,
): Uint8Array[] {
  for (const site of shares.keys()) {
    if (!sum.decryptors.includes(site))
      throw new HeError(
        'DECRYPTORS_INVALID',
        'a decryption share is from a site that is not one of the decryptors',
        site,
      );
  }
  const missing = sum.decryptors.find((site) => !shares.has(site));
  if (missing !== undefined)
    throw new HeError('DECRYPTION_SHARE_MISSING', 'a decryptor gave no decryption share', missing);
  return sum.decryptors.map((site) => {
    const share = shares.get(site)!;
    const head = concat(prefix(header, KIND.decryptionShare), decryptionShareLabel(header, sum, site));
    return payload(share, head, Math.max(0, share.length - head.length), 'DECRYPTION_SHARE_MALFORMED', site);
  });
}

function isOrderedSubset(roster: readonly string[], sites: readonly string[]): boolean {
  const indices = sites.map((site) => roster.indexOf(site));
  return indices.every((index, i) => index > (i === 0 ? -1 : (indices[i - 1] ?? -1)));
}
