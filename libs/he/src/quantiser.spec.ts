import { describe, expect, it } from 'vitest';
import { Quantiser } from './quantiser.js';
import { expectCode } from './testing/federation.js';
import { TestRandom } from './testing/random.js';

describe.each([8, 16] as const)('quantiser of %i bits', (bits) => {
  const random = new TestRandom(bits);
  const bytes = (length: number): Uint8Array => random.bytes(length);
  const quantiser = Quantiser.from({ bits, range: 2 });

  it('keeps every value below 2^bits and within one step', () => {
    const values = Float32Array.from({ length: 20_000 }, () => random.below(2 ** 31) / 2 ** 29 - 2);
    const quantised = quantiser.quantise(values, bytes);
    expect(Math.max(...quantised.subarray(0, 9999))).toBeLessThan(2 ** bits);
    quantiser.dequantiseSum(quantised, 1).forEach((value, i) => {
      expect(Math.abs(value - (values[i] ?? 0))).toBeLessThan(quantiser.step * (1 + 1e-6));
    });
  });

  it('keeps 0 and both ends exactly, and clips beyond', () => {
    const quantised = quantiser.quantise(Float32Array.of(0, 2, -2, 1e30, -1e30, -0), bytes);
    expect([...quantiser.dequantiseSum(quantised, 1)]).toEqual([0, 2, -2, 2, -2, 0]);
  });

  it('is unbiased between grid points', () => {
    const value = quantiser.step * 0.3;
    const quantised = quantiser.quantise(new Float32Array(40_000).fill(value), bytes);
    const mean = quantiser.dequantiseSum(quantised, 1).reduce((sum, x) => sum + x, 0) / 40_000;
    // Five standard deviations of the mean: sqrt(0.3·0.7 / 40000) steps each.
    expect(Math.abs(mean - value)).toBeLessThan(5 * quantiser.step * Math.sqrt(0.21 / 40_000));
  });

  it('undoes sums', () => {
    const one = Float32Array.of(0.5, -1.25);
    const two = Float32Array.of(1, 1.25);
    const a = quantiser.quantise(one, bytes);
    const sums = quantiser.quantise(two, bytes).map((x, i) => x + (a[i] ?? 0));
    quantiser
      .dequantiseSum(sums, 2)
      .forEach((x, i) => expect(Math.abs(x - (i === 0 ? 1.5 : 0))).toBeLessThan(2 * quantiser.step));
  });

  it('gives the bits of the formula written out, for values and sums of any size', () => {
    const zero = 2 ** (bits - 1) - 1;
    for (const range of [2, 1, 0.3, 1e-30, 7e20]) {
      const of = Quantiser.from({ bits, range });
      const values = Float32Array.from(
        { length: 20_000 },
        (_, i) => (random.below(2 ** 31) / 2 ** 30 - 1) * range * (i % 7 === 0 ? 3 : 1),
      );
      values.set([0, -0, range, -range, Number.MIN_VALUE, -1e-45, 3.4e38, -3.4e38]);
      // More than one chunk of words, drawn once and given to both.
      const words = new Uint8Array(random.bytes(values.length * 4));
      words.set([0, 0, 0, 0, 255, 255, 255, 255]);
      let drawn = 0;
      const quantised = of.quantise(values, (length) => words.subarray(drawn, (drawn += length)));
      const u32 = new Uint32Array(words.buffer);
      expect(quantised).toEqual(
        Uint32Array.from(values, (value, i) =>
          Math.floor((Math.min(Math.max(value, -range), range) / range) * zero + zero + u32[i]! / 2 ** 32),
        ),
      );
      const sums = quantised.map((x, i) => x * (1 + (i % 64)));
      expect(of.dequantiseSum(sums, 64)).toEqual(Float64Array.from(sums, (sum) => (sum - 64 * zero) * (range / zero)));
    }
  });

  it('refuses what is not finite', () => {
    for (const value of [Number.NaN, Infinity, -Infinity])
      expectCode('VALUE_OUT_OF_RANGE', () => quantiser.quantise(Float32Array.of(1, value), bytes));
  });
});

it('refuses other bits and ranges', () => {
  for (const range of [0, -1, Number.NaN, Infinity])
    expectCode('QUANTISER_INVALID', () => Quantiser.from({ bits: 16, range }));
  expectCode('QUANTISER_INVALID', () => Quantiser.from({ bits: 12 as 8, range: 1 }));
});
