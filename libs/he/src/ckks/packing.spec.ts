import { beforeAll, describe, expect, it } from 'vitest';
import { compileKernel } from '../ring/kernel.js';
import { Ring } from '../ring/ring.js';
import { expectCode, headerOf } from '../testing/federation.js';
import { TestRandom } from '../testing/random.js';
import { Packing } from './packing.js';
import { CkksParameters, DEGREE, LOG_SCALE, PRIMES } from './parameters.js';

const [q0, q1] = PRIMES;
const Q = q0 * q1;

describe.each([
  { bits: 16 as const, k: 2, field: 22 },
  { bits: 8 as const, k: 4, field: 14 },
])('packing of $bits bits', ({ bits, k, field }) => {
  let packing: Packing;
  let ring: Ring;
  const random = new TestRandom(bits);
  const parameters = CkksParameters.from(headerOf('ckks-threshold', 64, 64, { bits }));

  beforeAll(async () => {
    const module = await compileKernel('ring60');
    packing = new Packing(module, parameters);
    ring = new Ring(module, DEGREE, PRIMES);
  });

  const residuesOf = (integers: readonly bigint[]): BigUint64Array =>
    BigUint64Array.from([q0, q1].flatMap((q) => integers.map((x) => ((x % q) + q) % q)));
  const signedBelow = (bound: bigint): bigint => (BigInt(random.below(2 ** 31)) * 2n * bound) / 2n ** 31n - bound;

  it('places values as BigInt arithmetic does', () => {
    const values = random.values(parameters.valuesPerBlock, bits);
    const expected = Array.from(
      { length: DEGREE },
      (_, i) =>
        Array.from({ length: k }, (_unused, j) => BigInt(values[i * k + j] ?? 0) << BigInt(field * j)).reduce(
          (sum, part) => sum + part,
        ) << BigInt(LOG_SCALE),
    );
    expect(ring.inverse(packing.encode(ring, values))).toEqual(residuesOf(expected));
  });

  it('gives the sums of 64 saturated uploads back under the largest error either way', () => {
    const { total } = parameters.noise(64);
    const sums = Uint32Array.from({ length: parameters.valuesPerBlock }, (_, i) =>
      i % 3 === 0 ? 64 * (2 ** bits - 1) : random.below(64 * 2 ** bits - 63),
    );
    const integers = Array.from({ length: DEGREE }, (_, i) => {
      const packed = Array.from(
        { length: k },
        (_unused, j) => BigInt(sums[i * k + j] ?? 0) << BigInt(field * j),
      ).reduce((sum, part) => sum + part);
      const error = i === 0 ? total : i === 1 ? -total : signedBelow(total);
      return ((packed << BigInt(LOG_SCALE)) + error + Q) % Q;
    });
    expect(packing.decode(residuesOf(integers), 64)).toEqual({ sums, worstError: total });
  });

  it('refuses what no sum decrypts to', () => {
    const { total } = parameters.noise(64);
    const none = Array.from({ length: DEGREE }, () => 0n);
    const bad = [
      total + 1n,
      -total - 1n,
      1n << BigInt(LOG_SCALE + k * field),
      Q / 2n,
      BigInt(64 * (2 ** bits - 1) + 1) << BigInt(LOG_SCALE),
    ];
    for (const integer of bad)
      expectCode('COMBINE_FAILED', () => packing.decode(residuesOf([integer, ...none.slice(1)]), 64));
    expect(packing.decode(residuesOf(none), 64).worstError).toBe(0n);
  });

  it('refuses values of more bits', () => {
    expectCode('VALUE_OUT_OF_RANGE', () => packing.encode(ring, Uint32Array.of(2 ** bits)));
  });
});
