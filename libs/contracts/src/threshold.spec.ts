import { describe, expect, it } from 'vitest';
import { checkThreshold, majorityOf, thresholdOf } from './threshold.js';

const rosters = Array.from({ length: 63 }, (_, i) => i + 2);

describe('the threshold of a key epoch', () => {
  it('is the smallest number of holders of which no two groups are disjoint', () => {
    for (const m of rosters) {
      const t = thresholdOf('majority', m);
      expect(2 * t > m && 2 * (t - 1) <= m).toBe(true);
      expect(majorityOf(m)).toBe(t);
    }
  });

  it('is never below the majority, also when the roster grew after the run began', () => {
    for (const m of rosters)
      for (const asked of [2, 3, 32, 64])
        expect(thresholdOf(asked, m)).toBe(Math.max(asked, thresholdOf('majority', m)));
    expect(thresholdOf(3, 4)).toBe(3);
    expect(thresholdOf(3, 6)).toBe(4);
  });

  it('lets 2-of-3 and 3-of-4 stand, and names the number that would do for 3-of-6', () => {
    for (const [asked, sites] of [
      [2, 2],
      [2, 3],
      [3, 3],
      [3, 4],
      [4, 4],
      [4, 6],
      ['majority', 6],
    ] as const)
      expect(() => checkThreshold(asked, sites)).not.toThrow();
    for (const [asked, sites, wanted] of [
      [3, 6, 4],
      [2, 4, 3],
      [2, 5, 3],
      [32, 64, 33],
    ] as const) {
      expect(() => checkThreshold(asked, sites)).toThrow(
        expect.objectContaining({
          code: 'REQUEST_INVALID',
          detail: expect.stringMatching(new RegExp(`majority or ${wanted}$`)),
          issues: [expect.objectContaining({ path: 'spec.sites.threshold' })],
        }),
      );
    }
  });
});
