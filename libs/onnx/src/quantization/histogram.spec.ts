import { describe, expect, it } from 'vitest';
import { randomFrom } from '../random.fixture.js';
import { Histogram } from './histogram.js';

function histogramOf(values: Float32Array): Histogram {
  const histogram = new Histogram({ min: Math.min(0, ...values), max: Math.max(0, ...values) });
  histogram.add(values);
  return histogram;
}

const random = randomFrom(5);
const uniform = Float32Array.from({ length: 20_000 }, () => 2 * random() - 1);
const normal = Float32Array.from(
  { length: 20_000 },
  () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
);

describe('Histogram', () => {
  it('cuts the stated share off each end', () => {
    const histogram = histogramOf(normal);
    const binWidth = (histogram.range.max - histogram.range.min) / 2048;
    for (const percent of [90, 99, 99.9]) {
      const { min, max } = histogram.percentileRange(percent);
      const allowed = Math.round(normal.length * (1 - percent / 100));
      const above = (bound: number): number => normal.filter((value) => value > bound).length;
      const below = (bound: number): number => normal.filter((value) => value < bound).length;
      expect(above(max + 1e-6)).toBeLessThanOrEqual(allowed);
      expect(below(min - 1e-6)).toBeLessThanOrEqual(allowed);
      expect(above(max - binWidth - 1e-6)).toBeGreaterThan(allowed);
      expect(below(min + binWidth + 1e-6)).toBeGreaterThan(allowed);
    }
  });

  it('keeps everything at 100 percent', () => {
    const { range } = histogramOf(normal);
    const kept = histogramOf(normal).percentileRange(100);
    expect(kept.min).toBeCloseTo(range.min, 2);
    expect(kept.max).toBeCloseTo(range.max, 2);
  });

  it('leaves out zeros, which are exact in any range', () => {
    const half = Float32Array.from({ length: 40_000 }, (_, index) => (index % 2 === 0 ? 0 : uniform[(index - 1) / 2]!));
    expect(histogramOf(half).percentileRange(90)).toEqual(histogramOf(uniform).percentileRange(90));
  });

  it('finds by entropy that a uniform distribution needs its whole range, and an outlier does not', () => {
    const whole = histogramOf(uniform).entropyRange();
    expect(whole.max - whole.min).toBeGreaterThan(1.9);
    const withOutlier = Float32Array.from(normal);
    withOutlier[0] = 100;
    const range = histogramOf(withOutlier).entropyRange();
    expect(range.max).toBeLessThan(20);
    expect(range.max).toBeGreaterThan(2);
    expect(range.min).toBeCloseTo(Math.min(...normal), 1);
  });

  it('survives a value that is always zero', () => {
    const empty = histogramOf(new Float32Array(10));
    expect(empty.percentileRange(99)).toEqual({ min: 0, max: 0 });
    expect(empty.entropyRange()).toEqual({ min: 0, max: 0 });
  });
});
