import { MAX_FRAME_BYTES, MAX_KEY_HOLDERS, keyEpochHeaderSchema } from '@koinon/contracts';
import { MAX_SUMS, schemes, type KeyEpochHeader, type HeError } from '@koinon/he';
import { describe, expect, it } from 'vitest';
import { KEY_EPOCH } from '../testing/hospitals.js';

/** What HPKE adds to a message for one site, and more. */
const SEALING_BYTES = 1024;

/** The wire and the secure sum know nothing of each other: what one lets through the other must hold. */
describe.each(schemes.names)('the limits of a key epoch of %s', (scheme) => {
  const header = (sites: number, sums: number): KeyEpochHeader => ({
    scheme,
    version: 1,
    keyEpochId: KEY_EPOCH,
    seed: '5e'.repeat(32),
    roster: Array.from({ length: sites }, (_, i) => `site-${i}`),
    threshold: Math.floor(sites / 2) + 1,
    minUploads: sites,
    bits: 16,
    sums,
  });
  const both = (of: KeyEpochHeader): [boolean, string] => {
    const onTheWire = keyEpochHeaderSchema.safeParse(of).success;
    try {
      schemes.named(scheme).layout(of);
      return [onTheWire, 'held'];
    } catch (error) {
      return [onTheWire, (error as HeError).code];
    }
  };

  it('are the same on the wire and in the secure sum, but for a scheme that holds fewer sites', () => {
    expect(MAX_KEY_HOLDERS).toBe(64);
    expect(both(header(2, 1))).toEqual([true, 'held']);
    const [onTheWire, inTheSum] = both(header(MAX_KEY_HOLDERS, MAX_SUMS));
    expect(onTheWire).toBe(true);
    expect(['held', 'NOISE_BUDGET_EXCEEDED']).toContain(inTheSum);
    for (const [sites, sums] of [
      [MAX_KEY_HOLDERS + 1, 1],
      [1, 1],
      [3, 0],
    ] as const)
      expect(both(header(sites, sums))).toEqual([false, 'HEADER_INVALID']);
  });

  it('let the largest message of the key ceremony through in one frame', () => {
    for (const sites of [2, MAX_KEY_HOLDERS - 1]) {
      expect(
        schemes.named(scheme).layout(header(sites, MAX_SUMS)).largestMessageBytes + SEALING_BYTES,
      ).toBeLessThanOrEqual(MAX_FRAME_BYTES);
    }
  });

  it('are those of the secure sum where it comes to how many sums an epoch serves', () => {
    expect(both(header(3, MAX_SUMS + 1))).toEqual([true, 'HEADER_INVALID']);
  });
});
