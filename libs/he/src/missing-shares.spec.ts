import { describe, expect, it } from 'vitest';
import { Thresholdizer } from './ckks/thresholdizer.js';
import { fieldSharing } from './one-time-key/field-sharing.js';
import { dealtShareAt } from './one-time-key/key-generation.js';
import { KEY_SHARE_BYTES } from './one-time-key/parameters.js';
import { compileKernel } from './ring/kernel.js';
import { Ring } from './ring/ring.js';
import { Spent } from './spent.js';
import { expectCode, headerOf } from './testing/federation.js';
import { TestRandom } from './testing/random.js';

/** A key share that is not there, or not all there, is an error with a code and never a 0 that goes into a sum. */
describe('a missing key share', () => {
  const random = new TestRandom(17);
  const shares = fieldSharing.genShares(
    Int32Array.from({ length: 40 }, () => random.below(99)),
    2,
    3,
    (length) => random.bytes(length),
  );
  const cut = shares[1]!.subarray(0, 39);

  it('of the one-time keys is not added or reconstructed as 0', () => {
    expect(fieldSharing.aggregateShares(shares)).toHaveLength(40);
    for (const wrong of [[], [cut, shares[0]!], [shares[0]!, cut], [new Uint16Array(0), new Uint16Array(0)]]) {
      expectCode('STATE_INVALID', () => fieldSharing.aggregateShares(wrong));
      expectCode('STATE_INVALID', () => fieldSharing.reconstruct(wrong.map((share, i) => ({ x: i + 1, share }))));
    }
  });

  it('is not read from behind the kept ones, nor of a dealer outside the roster', () => {
    const kept = new Uint8Array(3 * 2 * KEY_SHARE_BYTES);
    expect(dealtShareAt(kept, 2, 2, 1)).toHaveLength(KEY_SHARE_BYTES);
    for (const [dealer, sum, of] of [
      [3, 0, kept],
      [-1, 1, kept],
      [2, 1, kept.subarray(1)],
      [0, 0, kept.subarray(0, 10)],
    ] as const)
      expectCode('STATE_INVALID', () => dealtShareAt(of, 2, dealer, sum));
  });

  it('of the collective key is not weighted, scaled or added as 0', async () => {
    const ring = new Ring(await compileKernel('ring60'), 1024, [1152921504606683137n, 1152921504606748673n]);
    const thresholdizer = new Thresholdizer(ring, 2, 3);
    const share = ring.uniform((words) => new BigUint64Array(random.bytes(words * 8).slice().buffer));
    expect(thresholdizer.additiveShare(share, 1, [1, 2]).every((x) => x === 0n)).toBe(false);
    expectCode('STATE_INVALID', () => thresholdizer.additiveShare(share.subarray(0, 2047), 1, [1, 2]));
    expectCode('STATE_INVALID', () => ring.add(share, new BigUint64Array(0)));
    expectCode('STATE_INVALID', () => ring.scaleEach(share, [1n]));
  });

  it('of a sum outside the epoch is not taken for one that was never made', () => {
    const spent = Spent.from(headerOf('one-time-key', 3, 2), undefined);
    expectCode('STATE_INVALID', () => spent.decrypt(2));
    expectCode('STATE_INVALID', () => spent.encrypt(-1));
  });
});
