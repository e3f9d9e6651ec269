import { beforeAll, describe, expect, it } from 'vitest';
import { keystream } from '../random.js';
import { compileKernel } from '../ring/kernel.js';
import { power, smallestRoot } from '../ring/modular.js';
import { headerOf } from '../testing/federation.js';
import { TestRandom } from '../testing/random.js';
import { MaskRing, sumSeed } from './mask-ring.js';
import { DEGREE, OneTimeKeyParameters, PRIMES, SIGMA } from './parameters.js';

const KEY = new Uint8Array(32).fill(7);

describe.each([16, 8] as const)('mask ring, %i bits', (bits) => {
  let module: WebAssembly.Module;
  const header = headerOf('one-time-key', 63, 32, { bits });
  const parameters = OneTimeKeyParameters.from(header);
  const random = new TestRandom(bits);

  beforeAll(async () => {
    module = await compileKernel('ring27');
  });

  it('rounds 63 saturated uploads exactly, with errors as predicted', () => {
    const ring = new MaskRing(module, parameters);
    const errors = keystream(KEY);
    const summed = new Int32Array(DEGREE);
    const sums = new Uint32Array(parameters.valuesPerBlock);
    for (let upload = 0; upload < 63; upload++) {
      const key = ring.gaussian(errors);
      key.forEach((x, i) => {
        summed[i] = (summed[i] ?? 0) + x;
      });
      const values =
        upload % 2
          ? random.values(parameters.valuesPerBlock, bits)
          : new Uint32Array(parameters.valuesPerBlock).fill(2 ** bits - 1);
      values.fill(2 ** bits - 1, 0, 1000);
      values.forEach((x, i) => {
        sums[i] = (sums[i] ?? 0) + x;
      });
      ring.useKey(key);
      expect(ring.accumulate(ring.conceal(values, sumSeed(header, 0), 3, errors) ?? new Uint8Array(0))).toBe(true);
    }
    ring.useKey(summed);
    const opened = ring.reveal(ring.takeSum(), sumSeed(header, 0), 3, 63);
    expect(opened.sums).toEqual(sums);
    expect(opened.fits).toBe(true);
    // 4096 samples give the deviation to 1.1%.
    expect(Math.abs(opened.deviation / parameters.errorDeviation(63) - 1)).toBeLessThan(0.06);
    expect(opened.largest).toBeLessThan(2 ** (parameters.logScale - 1));
  });

  it('refuses values of more bits', () => {
    const ring = new MaskRing(module, parameters);
    ring.useKey(new Int32Array(DEGREE));
    expect(ring.conceal(Uint32Array.of(2 ** bits), sumSeed(header, 0), 0, keystream(KEY))).toBeUndefined();
  });

  it('masks with a·s as BigInt arithmetic has it', () => {
    const ring = new MaskRing(module, parameters);
    // s = X^3 - 2; the mask polynomial a is read off with s = 1.
    const masked = (key: Int32Array): bigint[] => {
      ring.useKey(key);
      const wire =
        ring.conceal(new Uint32Array(1), sumSeed(header, 5), 9, (length) => new Uint8Array(length)) ??
        new Uint8Array(0);
      return Array.from(
        { length: DEGREE },
        (_, i) => bitsAt(wire, i * parameters.wireBits, parameters.wireBits) << BigInt(parameters.droppedBits),
      );
    };
    const unit = Int32Array.from({ length: DEGREE }, (_, i) => (i === 0 ? 1 : 0));
    const key = Int32Array.from({ length: DEGREE }, (_, i) => (i === 0 ? -2 : i === 3 ? 1 : 0));
    const a = masked(unit);
    const product = masked(key);
    const q = parameters.modulus;
    const slack = 4n << BigInt(parameters.droppedBits);
    product.forEach((value, i) => {
      const shifted = i >= 3 ? (a[i - 3] ?? 0n) : -(a[i - 3 + DEGREE] ?? 0n);
      const difference = (((value - shifted + 2n * (a[i] ?? 0n)) % q) + q) % q;
      expect(difference < slack || q - difference < slack).toBe(true);
    });
  });
});

const bitsAt = (bytes: Uint8Array, bit: number, width: number): bigint => {
  let value = 0n;
  for (let i = Math.floor((bit + width - 1) / 8); i >= Math.floor(bit / 8); i--)
    value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return (value >> BigInt(bit % 8)) & ((1n << BigInt(width)) - 1n);
};

describe('discrete Gaussian', () => {
  it('fits its probabilities in every lane (chi-square)', async () => {
    const ring = new MaskRing(await compileKernel('ring27'), OneTimeKeyParameters.from(headerOf('one-time-key', 3, 2)));
    const stream = keystream(KEY);
    const lanes = [0, 1, 2, 3].map(() => new Map<number, number>());
    const polynomials = 250;
    for (let i = 0; i < polynomials; i++) {
      ring.gaussian(stream).forEach((x, at) => {
        const lane = lanes[at % 4];
        lane?.set(x, (lane.get(x) ?? 0) + 1);
      });
    }
    const perLane = (polynomials * DEGREE) / 4;
    const density = (x: number): number => Math.exp(-(x * x) / (2 * SIGMA * SIGMA));
    const range = Array.from({ length: 129 }, (_, i) => i - 64);
    const total = range.reduce((sum, x) => sum + density(x), 0);
    for (const lane of lanes) {
      const kept = range.filter((x) => (perLane * density(x)) / total > 10);
      const chiSquare = kept.reduce((sum, x) => {
        const expected = (perLane * density(x)) / total;
        return sum + ((lane.get(x) ?? 0) - expected) ** 2 / expected;
      }, 0);
      // Five standard deviations of a chi-square with this many degrees of freedom.
      expect(Math.abs(chiSquare - (kept.length - 1))).toBeLessThan(5 * Math.sqrt(2 * kept.length));
    }
  });
});

it('has primes and roots for N = 4096', () => {
  for (const p of PRIMES) {
    expect((p - 1n) % BigInt(2 * DEGREE)).toBe(0n);
    expect(power(smallestRoot(DEGREE, p), BigInt(DEGREE), p)).toBe(p - 1n);
    for (let d = 2n; d * d <= p; d++) if (p % d === 0n) expect.fail('not a prime');
  }
});
