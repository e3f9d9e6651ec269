import { describe, expect, it } from 'vitest';
import { areaUnderCurve, quality, type Scored } from './metrics.js';
import { uniforms } from './random.js';
import { chooseThreshold } from './threshold.js';

/** Many ties: probabilities in steps of a tenth. */
function scored(seed: number, count = 60): Scored {
  const uniform = uniforms(seed);
  const labels = Array.from({ length: count }, () => Number(uniform() < 0.4));
  return {
    labels,
    probabilities: labels.map((label) => Math.round(10 * Math.min(1, 0.3 * label + 0.8 * uniform())) / 10),
  };
}

/** By definition: over all pairs of a positive and a negative. */
function pairwise({ probabilities, labels }: Scored): number {
  const of = (label: number): number[] => Array.from(probabilities).filter((_, index) => labels[index] === label);
  const pairs = of(1).flatMap((positive) =>
    of(0).map((negative) => (positive > negative ? 1 : Number(positive === negative) / 2)),
  );
  return pairs.reduce((sum, value) => sum + value, 0) / pairs.length;
}

const seeds = [1, 2, 3, 4, 5];

describe('areaUnderCurve', () => {
  it.each(seeds)('is the share of ordered pairs, ties counting half (%i)', (seed) => {
    expect(areaUnderCurve(scored(seed))).toBeCloseTo(pairwise(scored(seed)), 12);
  });

  it('is 1, 0 and one half where it must be', () => {
    const labels = [0, 0, 1, 1];
    expect(
      [
        [1, 2, 3, 4],
        [4, 3, 2, 1],
        [7, 7, 7, 7],
      ].map((probabilities) => areaUnderCurve({ probabilities, labels })),
    ).toEqual([1, 0, 0.5]);
  });
});

describe('quality', () => {
  it('calls pneumonia at the threshold and above', () => {
    // at .5: one of two negatives and two of three positives are called
    const { f1, accuracy } = quality({ probabilities: [0.1, 0.5, 0.4, 0.5, 0.9], labels: [0, 0, 1, 1, 1] }, 0.5);
    expect(f1).toBeCloseTo((2 * 2) / (2 * 2 + 1 + 1), 12);
    expect(accuracy).toBeCloseTo(3 / 5, 12);
  });
});

describe('chooseThreshold', () => {
  const youden = ({ probabilities, labels }: Scored, threshold: number): number => {
    const rate = (label: number): number => {
      const rows = Array.from(labels, (_, index) => index).filter((index) => labels[index] === label);
      return rows.filter((index) => probabilities[index]! >= threshold).length / rows.length;
    };
    return rate(1) - rate(0);
  };

  it.each(seeds)('reaches the largest sensitivity + specificity there is (%i)', (seed) => {
    const data = scored(seed);
    const best = Math.max(...Array.from(data.probabilities, (threshold) => youden(data, threshold)));
    expect(youden(data, chooseThreshold(data))).toBeCloseTo(best, 12);
  });

  it('does not part equal probabilities', () => {
    // parting the two at .5 would seem to find the positive alone
    expect(chooseThreshold({ probabilities: [0.5, 0.5, 0.2, 0.1], labels: [1, 0, 1, 0] })).toBeCloseTo(0.15, 12);
  });

  it('lies in the middle of the gap', () => {
    expect(chooseThreshold({ probabilities: [0.1, 0.2, 0.6, 0.7], labels: [0, 0, 1, 1] })).toBeCloseTo(0.4, 12);
  });
});
