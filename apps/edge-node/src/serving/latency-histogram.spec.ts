import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from './latency-histogram.js';
import { ServingStats } from './serving-stats.js';

describe('LatencyHistogram', () => {
  it('gives each quantile at most 1/32 above the exact one, over six orders of magnitude', () => {
    const histogram = new LatencyHistogram();
    const samples = Array.from({ length: 5000 }, (_, index) => 0.002 * 1.003 ** ((index * 1237) % 5000));
    for (const sample of samples) histogram.record(sample);
    const sorted = samples.toSorted((a, b) => a - b);
    for (const fraction of [0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = sorted[Math.ceil(fraction * sorted.length) - 1] ?? 0;
      const estimate = histogram.quantile(fraction) ?? 0;
      expect(estimate / exact).toBeGreaterThan(0.999_999);
      expect(estimate / exact).toBeLessThanOrEqual(1 + 1 / 32 + 1e-9);
    }
  });

  it('puts what is beyond its ends into the outermost buckets', () => {
    const histogram = new LatencyHistogram();
    histogram.record(0);
    expect(histogram.quantile(1)).toBeCloseTo(0.001, 3);
    histogram.record(1e12);
    expect(histogram.quantile(1)).toBeGreaterThan(1_000_000);
    expect(histogram.total).toBe(2);
  });

  it('has no quantile before the first sample', () => {
    expect(new ServingStats().snapshot()).toEqual({ requests: 0, p50Ms: null, p99Ms: null });
  });
});
