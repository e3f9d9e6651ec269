import openSeal from 'node-seal/allows';
import { beforeAll, describe, expect, it } from 'vitest';
import { DEGREE, PRIMES, SPECIAL_PRIME } from '../ckks/parameters.js';
import { SealSampler } from '../ckks/seal-sampler.js';
import { TestRandom } from '../testing/random.js';
import { compileKernel } from './kernel.js';
import { bitReverse, power, smallestRoot } from './modular.js';
import { type Poly, Ring } from './ring.js';

const N = 64;

describe('ring', () => {
  let module: WebAssembly.Module;
  let small: Ring;
  const random = new TestRandom(11);

  beforeAll(async () => {
    module = await compileKernel('ring60');
    small = new Ring(module, N, PRIMES);
  });

  const element = (ring: Ring): Poly =>
    ring.uniform((words) => new BigUint64Array(Uint8Array.from(random.bytes(words * 8)).buffer));
  const at = (a: Poly, i: number): bigint => a[i] ?? 0n;

  it('transforms to the values at the odd powers of the smallest root, bit-reversed', () => {
    const a = element(small);
    const transformed = small.forward(a);
    PRIMES.forEach((q, j) => {
      const root = smallestRoot(N, q);
      for (let i = 0; i < N; i++) {
        const x = power(root, BigInt(2 * bitReverse(i, Math.log2(N)) + 1), q);
        let value = 0n;
        for (let k = N - 1; k >= 0; k--) value = (value * x + at(a, j * N + k)) % q;
        expect(at(transformed, j * N + i)).toBe(value);
      }
    });
    expect(small.inverse(transformed)).toEqual(a);
  });

  it('multiplies negacyclically, as schoolbook arithmetic on BigInt does', () => {
    const a = element(small);
    const b = element(small);
    const product = small.inverse(small.multiply(small.forward(a), small.forward(b)));
    PRIMES.forEach((q, j) => {
      const expected = Array.from({ length: N }, () => 0n);
      for (let x = 0; x < N; x++) {
        for (let y = 0; y < N; y++) {
          const term = at(a, j * N + x) * at(b, j * N + y);
          const k = (x + y) % N;
          expected[k] = ((expected[k] ?? 0n) + (x + y < N ? term : -term)) % q;
        }
      }
      expected.forEach((value, k) => expect(at(product, j * N + k)).toBe((value + q) % q));
    });
  });

  it('knows that X·X^(N-1) is -1', () => {
    const monomial = (power: number): Poly =>
      small.forward(small.fromSmall(Int32Array.from({ length: N }, (_, i) => (i === power ? 1 : 0))));
    const product = small.toSmall(small.inverse(small.multiply(monomial(1), monomial(N - 1))));
    expect([...product]).toEqual([-1, ...Array.from({ length: N - 1 }, () => 0)]);
  });

  it('adds, subtracts and scales like BigInt, at the edges too', () => {
    const a = element(small);
    const b = element(small);
    PRIMES.forEach((q, j) => {
      a.set([0n, q - 1n, q - 1n, 1n], j * N);
      b.set([0n, q - 1n, 1n, q - 1n], j * N);
    });
    const cases: [Poly, (x: bigint, y: bigint) => bigint][] = [
      [small.add(a, b), (x, y) => x + y],
      [small.subtract(a, b), (x, y) => x - y],
      [small.multiply(a, b), (x, y) => x * y],
      [small.scale(a, -(3n ** 50n)), (x) => x * -(3n ** 50n)],
    ];
    for (const [result, expected] of cases) {
      result.forEach((value, i) => {
        const q = PRIMES[i < N ? 0 : 1];
        expect(value).toBe(((expected(at(a, i), at(b, i)) % q) + q) % q);
      });
    }
  });

  it('knows residues from numbers that are not below their prime', () => {
    const good = element(small);
    expect(small.isReduced(good)).toBe(true);
    for (const [i, value] of [
      [0, PRIMES[0]],
      [N, PRIMES[1]],
      [N - 1, PRIMES[1]],
      [2 * N - 1, 2n ** 64n - 1n],
      [5, 2n ** 63n],
    ] as const) {
      const bad = good.slice();
      bad[i] = value;
      expect(small.isReduced(bad)).toBe(false);
    }
    expect(small.isReduced(good.subarray(1))).toBe(false);
  });

  it('draws smudging from the whole interval and nothing else', () => {
    const words = BigUint64Array.of(0n, 2n ** 64n - 1n, 2n ** 53n, 7n, ...Array.from({ length: N - 4 }, () => 0n));
    const drawn = small.smudging(words, 53);
    const signed = Array.from(drawn.subarray(0, 4), (x) => (x > PRIMES[0] / 2n ? x - PRIMES[0] : x));
    expect(signed).toEqual([-(2n ** 53n), 2n ** 53n - 1n, 0n, 7n - 2n ** 53n]);
    expect(drawn[N]).toBe(PRIMES[1] - 2n ** 53n);
  });

  it('keeps small numbers, negative ones included', () => {
    const numbers = Int32Array.from({ length: N }, (_, i) => (i % 2 ? 1 : -1) * random.below(2 ** 31));
    expect(small.toSmall(small.fromSmall(numbers))).toEqual(numbers);
  });

  describe('against SEAL', () => {
    it('transforms bit for bit as SEAL does', async () => {
      const seal = await openSeal();
      using parameters = new seal.EncryptionParameters(seal.SchemeType.bfv);
      using primes = seal.CoeffModulus.Create(DEGREE, Int32Array.of(60, 60, 60));
      using plainModulus = seal.PlainModulus.Batching(DEGREE, 40);
      parameters.setPolyModulusDegree(DEGREE);
      parameters.setCoeffModulus(primes);
      parameters.setPlainModulus(plainModulus);
      using context = new seal.SEALContext(parameters, true, seal.SecLevelType.tc128);
      using encoder = new seal.BatchEncoder(context);
      using plain = new seal.Plaintext();
      encoder.encode(
        BigUint64Array.from({ length: DEGREE }, () => BigInt(random.below(2 ** 31))),
        plain,
      );
      const residues = (): BigUint64Array => {
        const bytes = plain.saveToArray(seal.ComprModeType.none) as Uint8Array;
        return new BigUint64Array(bytes.slice(88).buffer);
      };
      // SEAL lifts a coefficient above t/2 to its negative.
      const t = plainModulus.value();
      const coefficients = BigInt64Array.from(residues(), (x) => (x >= (t + 1n) / 2n ? x - t : x));
      using level = context.firstParmsId();
      using evaluator = new seal.Evaluator(context);
      evaluator.plainTransformToNttInplace(plain, level);
      const ring = new Ring(module, DEGREE, PRIMES);
      expect(ring.forward(ring.fromSigned(coefficients))).toEqual(residues());
    });

    it("finds SEAL's secrets ternary and its errors binomial", async () => {
      const ring = new Ring(module, DEGREE, [...PRIMES, SPECIAL_PRIME]);
      const { secretKey, b, a } = (await SealSampler.load()).sampleKey();
      const s = ring.toSmall(ring.inverse(secretKey));
      const e = ring.toSmall(ring.inverse(ring.add(b, ring.multiply(a, secretKey))));
      expect(new Set(s)).toEqual(new Set([-1, 0, 1]));
      expect(ring.forward(ring.fromSmall(s))).toEqual(secretKey);
      expect(Math.max(...e.map(Math.abs))).toBeLessThanOrEqual(21);
      const variance = e.reduce((sum, x) => sum + x * x, 0) / e.length;
      expect(variance).toBeGreaterThan(9);
      expect(variance).toBeLessThan(12);
    });
  });
});
