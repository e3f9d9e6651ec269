import { MAX_KEY_HOLDERS, MAX_SUMS, epochHeaderSchema } from '@koinon/contracts';
import { sumScheme, type EpochHeader } from '@koinon/he';
import { describe, expect, it } from 'vitest';
import { EPOCH } from '../testing/hospitals.js';

/** The wire and the secure sum know nothing of each other: what one lets through the other must hold. */
describe('the limits of a key epoch', () => {
  const header = (sites: number, sums: number): EpochHeader => ({
    scheme: 'ckks-threshold',
    version: 1,
    epochId: EPOCH,
    seed: '5e'.repeat(32),
    roster: Array.from({ length: sites }, (_, i) => `site-${i}`),
    threshold: Math.floor(sites / 2) + 1,
    minUploads: sites,
    bits: 16,
    sums,
  });
  const both = async (of: EpochHeader): Promise<[boolean, boolean]> => {
    const onTheWire = epochHeaderSchema.safeParse(of).success;
    const scheme = await sumScheme('ckks-threshold');
    try {
      scheme.layout(of);
      return [onTheWire, true];
    } catch {
      return [onTheWire, false];
    }
  };

  it('are the same on the wire and in the secure sum', async () => {
    expect(MAX_KEY_HOLDERS).toBe(64);
    expect([await both(header(MAX_KEY_HOLDERS, MAX_SUMS)), await both(header(2, 1))]).toEqual([
      [true, true],
      [true, true],
    ]);
    for (const [sites, sums] of [
      [MAX_KEY_HOLDERS + 1, 1],
      [1, 1],
      [3, MAX_SUMS + 1],
      [3, 0],
    ] as const)
      expect(await both(header(sites, sums))).toEqual([false, false]);
  });
});
