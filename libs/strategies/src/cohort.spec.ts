import { describe, expect, it } from 'vitest';
import { selectCohort } from './cohort.js';

/** A small linear congruential generator: repeatable, uniform enough for counts. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const sites = ['a', 'b', 'c', 'd', 'e', 'f'];

describe('selectCohort', () => {
  it('takes the fraction, but never fewer than minSites', () => {
    const size = (fraction: number, minSites: number) => selectCohort(sites, { fraction, minSites }, seeded(1)).length;
    expect([size(1, 1), size(0.5, 1), size(0.55, 1), size(0, 2), size(0.5, 5)]).toEqual([6, 3, 3, 2, 5]);
  });

  it('draws each site equally often and none twice', () => {
    const random = seeded(2);
    const counts = new Map<string, number>();
    for (let round = 0; round < 3000; round++) {
      const cohort = selectCohort(sites, { fraction: 0.5, minSites: 1 }, random);
      expect(new Set(cohort).size).toBe(3);
      for (const site of cohort) counts.set(site, (counts.get(site) ?? 0) + 1);
    }
    // Binomial(3000, 1/2): within four standard deviations.
    for (const site of sites) expect(Math.abs((counts.get(site) ?? 0) - 1500)).toBeLessThan(110);
  });

  it('draws a site that is away only where the others are too few', () => {
    const random = seeded(3);
    for (let round = 0; round < 200; round++) {
      const few = selectCohort(sites, { fraction: 0.5, minSites: 1, away: ['b', 'f'] }, random);
      expect(few).toHaveLength(3);
      expect(few.filter((s) => s === 'b' || s === 'f')).toEqual([]);
      const many = selectCohort(sites, { fraction: 1, minSites: 5, away: ['b', 'f'] }, random);
      expect(many.slice(4).toSorted()).toEqual(['b', 'f']);
    }
  });

  it('says what is missing', () => {
    const code = (value: string) => expect.objectContaining({ code: value });
    expect(() => selectCohort(['a'], { fraction: 1, minSites: 2 }, seeded(1))).toThrow(code('STRATEGY_TOO_FEW_SITES'));
    expect(() => selectCohort(sites, { fraction: 2, minSites: 1 }, seeded(1))).toThrow(
      code('STRATEGY_PARAMETER_INVALID'),
    );
  });
});
