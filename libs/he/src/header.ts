import { createHash } from 'node:crypto';
import { HeError } from './errors.js';
import type { KeyEpochHeader } from './scheme.js';

export const MAX_SITES = 64;
/** The only bound on the tasks of a round: a key epoch serves one round, and a site deals the secrets of all its sums at once. */
export const MAX_SUMS = 16;
const PRINTABLE = /^[\x20-\x7e]{1,128}$/;

/** The rules of every scheme. @param scheme name of the one that asks. @throws HeError HEADER_INVALID naming the rule that is broken */
export function checkHeader(header: KeyEpochHeader, scheme: string): void {
  const rule = (holds: boolean, text: string): void => {
    if (!holds) throw new HeError('HEADER_INVALID', `key epoch header: ${text}`);
  };
  const n = header.roster.length;
  rule(header.scheme === scheme, `it is not of the scheme ${scheme}`);
  rule(header.version === 1, 'version must be 1');
  rule(PRINTABLE.test(header.keyEpochId), 'keyEpochId must be 1 to 128 printable ASCII characters');
  rule(/^[0-9a-f]{64}$/.test(header.seed), 'seed must be 64 lower-case hex characters');
  rule(n >= 2 && n <= MAX_SITES, `the roster must have 2 to ${MAX_SITES} sites`);
  rule(
    header.roster.every((site) => PRINTABLE.test(site)),
    'site ids must be 1 to 128 printable ASCII characters',
  );
  rule(new Set(header.roster).size === n, 'site ids must be distinct');
  // Two disjoint sets of decryptors could be asked to decrypt over two lists, and the difference is one site.
  rule(
    Number.isInteger(header.threshold) && 2 * header.threshold > n && header.threshold <= n,
    'threshold must be above half the number of sites and at most that number',
  );
  // With n > 1 this is 2 or more: one upload alone would be decrypted as it is.
  rule(
    Number.isInteger(header.minUploads) && header.minUploads >= header.threshold && header.minUploads <= n,
    'minUploads must be from threshold to the number of sites',
  );
  rule(header.bits === 8 || header.bits === 16, 'bits must be 8 or 16');
  rule(
    Number.isInteger(header.sums) && header.sums > 0 && header.sums <= MAX_SUMS,
    `sums must be from 1 to ${MAX_SUMS}`,
  );
}

/** SHA-256 in hex over the header in its one canonical form. Changes with any field. */
export function headerDigest(header: KeyEpochHeader): string {
  const { scheme, version, keyEpochId, seed, roster, threshold, minUploads, bits, sums } = header;
  const canonical = JSON.stringify([scheme, version, keyEpochId, seed, roster, threshold, minUploads, bits, sums]);
  return createHash('sha256').update('koinon/he/header/v1\0').update(canonical).digest('hex');
}

/** @throws HeError HEADER_INVALID when the site is not in the roster */
export function siteIndex(header: KeyEpochHeader, site: string): number {
  const index = header.roster.indexOf(site);
  if (index < 0) throw new HeError('HEADER_INVALID', 'the site is not in the roster of this key epoch', site);
  return index;
}
