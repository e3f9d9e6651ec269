import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { DEGREE, PRIMES } from './ckks/parameters.js';
import { type Kernel60, compileKernel, instantiate } from './ring/kernel.js';
import { shoup } from './ring/modulus.js';
import { type Poly, Ring } from './ring/ring.js';
import { Thresholdizer } from './ckks/thresholdizer.js';
import { lagrangeWeight } from './shamir.js';
import { TestRandom } from './testing/random.js';

interface Vector {
  readonly name: string;
  readonly input: {
    prime: string;
    threshold: number;
    coefficients: string[];
    xs: string[];
    reconstruct_from_xs: string[];
    a: string;
    b: string;
  };
  readonly expected: {
    shares: string[];
    lagrange_at_0: string[];
    secret: string;
    coefficients: string[];
    product: string;
  };
}
const vectors = JSON.parse(readFileSync(new URL('../kat/shamir_field.json', import.meta.url), 'utf8')) as Vector[];
const named = (pattern: RegExp): Vector[] => vectors.filter(({ name }) => pattern.test(name));

describe('Shamir and Lagrange, known answers', () => {
  let kernel: Kernel60;
  beforeAll(async () => {
    kernel = instantiate(await compileKernel('ring60'), 65_536) as Kernel60;
  });

  const words = (at: number, n: number): BigUint64Array => new BigUint64Array(kernel.memory.buffer, at, n);

  it.each(named(/^shamir_/))('$name: Horner in the kernel, weights, reconstruction', ({ input, expected }) => {
    const p = BigInt(input.prime);
    const shares = input.xs.map((text) => {
      const x = BigInt(text);
      return input.coefficients.map(BigInt).reduceRight((sum, coefficient) => {
        words(1024, 2).set([sum, 0n]);
        words(2048, 2).set([coefficient, 0n]);
        kernel.scale(1024, 1024, 2, x, shoup(x, p), p);
        kernel.add(1024, 1024, 2048, 2, p);
        return words(1024, 1)[0] ?? 0n;
      }, 0n);
    });
    expect(shares.map(String)).toEqual(expected.shares);
    const xs = input.reconstruct_from_xs.map(BigInt);
    const weights = xs.map((x) => lagrangeWeight(x, xs, p));
    expect(weights.map(String)).toEqual(expected.lagrange_at_0);
    const secret = xs.reduce(
      (sum, x, i) => (sum + (shares[input.xs.map(BigInt).indexOf(x)] ?? 0n) * (weights[i] ?? 0n)) % p,
      0n,
    );
    expect(String(secret)).toBe(expected.secret);
  });

  it.each(named(/^lagrange0_/))('$name', ({ input, expected }) => {
    const xs = input.xs.map(BigInt);
    expect(xs.map((x) => String(lagrangeWeight(x, xs, BigInt(input.prime))))).toEqual(expected.coefficients);
  });

  it.each(named(/^mulmod_/))('$name: Barrett and Shoup', ({ input, expected }) => {
    const [p, a, b] = [BigInt(input.prime), BigInt(input.a), BigInt(input.b)];
    words(1024, 2).set([a, b]);
    words(2048, 2).set([b, a]);
    kernel.multiply(3072, 1024, 2048, 2, p, (1n << 122n) / p);
    kernel.scale(1024, 1024, 2, b, shoup(b, p), p);
    expect([...words(3072, 2), words(1024, 1)[0]].map(String)).toEqual([
      expected.product,
      expected.product,
      expected.product,
    ]);
  });
});

describe('sharing of a ring element', () => {
  let ring: Ring;
  beforeAll(async () => {
    ring = new Ring(await compileKernel('ring60'), DEGREE, PRIMES);
  });

  it('gives the secret back from any t shares and from no fewer', () => {
    const random = new TestRandom(5);
    const uniform = (): Poly =>
      ring.uniform((count) => new BigUint64Array(Uint8Array.from(random.bytes(count * 8)).buffer));
    const secret = uniform();
    const thresholdizer = new Thresholdizer(ring, 3, 5);
    const shares = thresholdizer.genShares(
      secret,
      (count) => new BigUint64Array(Uint8Array.from(random.bytes(count * 8)).buffer),
    );
    const open = (xs: number[]): Poly =>
      xs
        .map((x) => thresholdizer.additiveShare(shares[x - 1] ?? ring.zero(), x, xs))
        .reduce((sum, part) => ring.add(sum, part));
    for (const xs of [
      [1, 2, 3],
      [1, 3, 5],
      [2, 4, 5],
      [1, 2, 3, 4, 5],
    ])
      expect(open(xs)).toEqual(secret);
    expect(open([1, 2]).filter((x, i) => x === secret[i])).toHaveLength(0);
  });
});
