import { createHash } from 'node:crypto';
import { HeError } from './errors.js';
import { headerDigest } from './header.js';
import type { EpochHeader, SumToOpen } from './scheme.js';

/**
 * The rules of every scheme for what may be opened.
 * @throws HeError SUM_INDEX_INVALID, UPLOAD_SET_INVALID, TOO_FEW_UPLOADS, ACTIVE_SET_INVALID
 */
export function checkSumToOpen(header: EpochHeader, sum: SumToOpen): void {
  checkSumIndex(header, sum.sumIndex);
  if (!isOrderedSubset(header.roster, sum.uploads)) {
    throw new HeError('UPLOAD_SET_INVALID', 'uploads must be distinct sites of the roster, in its order');
  }
  if (sum.uploads.length < header.minUploads) {
    throw new HeError('TOO_FEW_UPLOADS', `a sum of fewer than ${header.minUploads} uploads is never opened`);
  }
  if (!isOrderedSubset(header.roster, sum.activeSet) || sum.activeSet.length !== header.threshold) {
    throw new HeError(
      'ACTIVE_SET_INVALID',
      `the active set must be ${header.threshold} distinct sites of the roster, in its order`,
    );
  }
}

export function checkSumIndex(header: EpochHeader, sumIndex: number): void {
  if (!Number.isInteger(sumIndex) || sumIndex < 0 || sumIndex >= header.sums) {
    throw new HeError('SUM_INDEX_INVALID', `this key epoch serves sums 0 to ${header.sums - 1}; begin a new one`);
  }
}

/** @throws HeError VALUE_OUT_OF_RANGE when there is no value or one has more bits than the epoch */
export function checkValues(header: EpochHeader, values: Uint32Array): void {
  let all = 0;
  for (let i = 0; i < values.length; i++) all |= values[i]!;
  if (values.length === 0 || all >>> header.bits !== 0) {
    throw new HeError('VALUE_OUT_OF_RANGE', `one value or more, each below 2^${header.bits}, is expected`);
  }
}

/** 16 bytes that tie a share to its site, sum index, uploads and active set, so that a mix-up is named as one. */
export function shareLabel(header: EpochHeader, sum: SumToOpen, site: string): Uint8Array {
  const canonical = JSON.stringify([headerDigest(header), sum.sumIndex, sum.uploads, sum.activeSet, site]);
  return new Uint8Array(
    createHash('sha256').update('koinon/he/share/v1\0').update(canonical).digest().subarray(0, SHARE_LABEL_BYTES),
  );
}

export const SHARE_LABEL_BYTES = 16;

/** @throws HeError SHARE_MISSING, ACTIVE_SET_INVALID */
export function sharesInOrder(sum: SumToOpen, shares: ReadonlyMap<string, Uint8Array>): Uint8Array[] {
  for (const site of shares.keys()) {
    if (!sum.activeSet.includes(site))
      throw new HeError('ACTIVE_SET_INVALID', 'a share is from outside the active set', site);
  }
  return sum.activeSet.map((site) => {
    const share = shares.get(site);
    if (!share) throw new HeError('SHARE_MISSING', 'a site of the active set gave no share', site);
    return share;
  });
}

function isOrderedSubset(roster: readonly string[], sites: readonly string[]): boolean {
  const indices = sites.map((site) => roster.indexOf(site));
  return indices.every((index, i) => index > (i === 0 ? -1 : (indices[i - 1] ?? -1)));
}
