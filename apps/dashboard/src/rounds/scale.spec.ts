import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rateDomain, roundTicks, spread } from './scale.js';

describe('rateDomain', () => {
  it('holds every value between at most six round lines', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }), (values) => {
        const { low, high, ticks } = rateDomain(values);
        expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(ticks.length).toBeLessThanOrEqual(6);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        for (const value of values) expect(value >= low && value <= high).toBe(true);
      }),
      { seed: 1 },
    );
  });
  it('draws close to the values', () => {
    expect(rateDomain([0.712, 0.881]).ticks).toEqual([0.7, 0.75, 0.8, 0.85, 0.9]);
  });
});

describe('spread', () => {
  it('keeps labels apart, in order and inside', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 200, noNaN: true }), { minLength: 1, maxLength: 4 }), (wanted) => {
        const placed = spread(wanted, 17, 0, 200);
        const order = wanted.map((_, i) => i).sort((a, b) => placed[a]! - placed[b]!);
        order.forEach((label, i) => {
          expect(placed[label]! >= 0 && placed[label]! <= 200).toBe(true);
          if (i === 0) return;
          expect(placed[label]! - placed[order[i - 1]!]!).toBeGreaterThan(17 - 1e-9);
          expect(wanted[label]!).toBeGreaterThanOrEqual(wanted[order[i - 1]!]!);
        });
      }),
      { seed: 1 },
    );
  });
  it('leaves labels where they are when they do not touch', () => {
    expect(spread([100, 20, 60], 17, 0, 200)).toEqual([100, 20, 60]);
  });
});

describe('roundTicks', () => {
  it('prints every round when few and evenly spaced ones when many', () => {
    expect(roundTicks(5)).toEqual([1, 2, 3, 4, 5]);
    expect(roundTicks(1)).toEqual([1]);
    expect(roundTicks(20)).toEqual([1, 4, 7, 10, 13, 16, 19]);
    expect(roundTicks(1000).length).toBeLessThanOrEqual(9);
  });
});
