import { createCipheriv } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { discreteGaussian } from './discrete-gaussian.js';
import { addGaussianNoise, gaussianNoise, noiseGrid } from './noise.js';
import { normalUpperTail } from './normal.js';
import { poissonSample, randomGroups } from './poisson-sample.js';
import { RandomWords } from './random-words.js';

/** A repeatable byte source: the AES-CTR key stream of a small seed. */
function seeded(seed: number): (n: number) => Uint8Array {
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  return (n) => stream.update(Buffer.alloc(n));
}

describe('discreteGaussian', () => {
  it.each([1, 2, 5])('has the exact frequencies at s = %i', (s) => {
    const random = new RandomWords(seeded(s));
    const draws = 200_000;
    const counts = new Map<number, number>();
    for (let i = 0; i < draws; i++) {
      const y = discreteGaussian(s, random);
      counts.set(y, (counts.get(y) ?? 0) + 1);
    }
    const weight = (y: number) => Math.exp((-y * y) / (2 * s * s));
    let total = 0;
    for (let y = -20 * s; y <= 20 * s; y++) total += weight(y);
    let chiSquare = 0;
    for (let y = -3 * s; y <= 3 * s; y++) {
      const expected = (draws * weight(y)) / total;
      chiSquare += ((counts.get(y) ?? 0) - expected) ** 2 / expected;
    }
    // χ² with about 6s + 1 degrees of freedom: mean plus four standard deviations.
    const freedom = 6 * s + 1;
    expect(chiSquare).toBeLessThan(freedom + 4 * Math.sqrt(2 * freedom));
  });
});

describe('gaussianNoise', () => {
  const count = 100_000;

  it.each([1e-3, 0.7, 4, 1000])('is normal with standard deviation %d', (sigma) => {
    const noise = gaussianNoise(count, sigma, seeded(7)).sort();
    let distance = 0;
    noise.forEach((value, i) => {
      distance = Math.max(distance, Math.abs(1 - normalUpperTail(value / sigma) - (i + 0.5) / count));
    });
    // Kolmogorov-Smirnov at a level of 1e-4.
    expect(distance * Math.sqrt(count)).toBeLessThan(2.23);
    const variance = noise.reduce((sum, value) => sum + value * value, 0) / count / sigma ** 2;
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / count));
  });

  it('has independent neighbours', () => {
    const noise = gaussianNoise(count, 1, seeded(8));
    let product = 0;
    for (let i = 1; i < count; i++) product += noise.at(i)! * noise.at(i - 1)!;
    expect(Math.abs(product / Math.sqrt(count))).toBeLessThan(4);
  });

  it('puts sums on the grid, whatever the values, and rounds them by half a step at most', () => {
    const sigma = 0.37;
    const grid = noiseGrid(sigma);
    const values = Float64Array.of(Math.PI, -1e-13, 1 / 3, 12_345.678);
    const noise = gaussianNoise(values.length, sigma, seeded(9));
    const sums = addGaussianNoise(values, sigma, seeded(9));
    sums.forEach((sum, i) => {
      expect(Number.isInteger(sum / grid)).toBe(true);
      expect(Math.abs(sum - noise.at(i)! - values.at(i)!)).toBeLessThanOrEqual(grid / 2);
    });
    expect(Number.isInteger(Math.log2(grid))).toBe(true);
  });

  it('refuses what it cannot add noise to', () => {
    const invalid = expect.objectContaining({ code: 'PRIVACY_PARAMETER_INVALID' });
    expect(() => addGaussianNoise(Float64Array.of(NaN), 1, seeded(1))).toThrow(invalid);
    expect(() => addGaussianNoise(Float64Array.of(1e9), 1, seeded(1))).toThrow(invalid);
    expect(() => gaussianNoise(1, 0, seeded(1))).toThrow(invalid);
    expect(() => gaussianNoise(1, 1, () => new Uint8Array(8))).toThrow(
      expect.objectContaining({ code: 'PRIVACY_RANDOM_SOURCE_INVALID' }),
    );
  });
});

describe('poissonSample', () => {
  it('includes every index independently at the rate', () => {
    const [n, rounds, rate] = [50, 4000, 0.3];
    const random = seeded(11);
    const hits = new Float64Array(n);
    let sizeVariance = 0;
    for (let round = 0; round < rounds; round++) {
      const sample = poissonSample(n, rate, random);
      for (const index of sample) hits[index] = hits.at(index)! + 1;
      sizeVariance += (sample.length - n * rate) ** 2 / rounds;
    }
    const deviation = Math.sqrt(rounds * rate * (1 - rate));
    for (const hit of hits) expect(Math.abs(hit - rounds * rate) / deviation).toBeLessThan(4.5);
    // A sample of fixed size would have variance 0 here and is not what the accountant assumes.
    expect(sizeVariance / (n * rate * (1 - rate))).toBeCloseTo(1, 1);
  });

  it('is empty at rate 0 and everything at rate 1', () => {
    expect(poissonSample(5, 0, seeded(1))).toEqual([]);
    expect(poissonSample(5, 1, seeded(1))).toEqual([0, 1, 2, 3, 4]);
    expect(() => poissonSample(5, 1.1, seeded(1))).toThrow(
      expect.objectContaining({ code: 'PRIVACY_PARAMETER_INVALID' }),
    );
  });
});

describe('randomGroups', () => {
  it('puts every index into one of the groups, each with the same probability', () => {
    const sample = Array.from({ length: 30_000 }, (_, index) => 2 * index);
    const groups = randomGroups(sample, 3, seeded(5));
    expect(groups.flat().sort((a, b) => a - b)).toEqual(sample);
    // standard deviation 82; five of them are passed with a probability below 1e-6
    for (const group of groups) {
      expect(Math.abs(group.length - 10_000)).toBeLessThan(430);
      expect(group).toEqual(group.toSorted((a, b) => a - b));
    }
  });

  it('takes no randomness for one group, and refuses none', () => {
    expect(
      randomGroups([3, 5], 1, () => {
        throw new Error('no bytes were needed');
      }),
    ).toEqual([[3, 5]]);
    expect(() => randomGroups([3], 0, seeded(1))).toThrow(
      expect.objectContaining({ code: 'PRIVACY_PARAMETER_INVALID' }),
    );
  });
});
