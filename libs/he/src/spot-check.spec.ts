import { describe, expect, it } from 'vitest';
import { chooseBlocks, undetectedProbability } from './spot-check.js';
import { TestRandom } from './testing/random.js';

describe('spot checks', () => {
  it('misses a tampered block as often as counting all choices says', () => {
    for (const [blocks, tampered, checked] of [
      [6, 1, 2],
      [6, 2, 3],
      [8, 3, 2],
      [5, 5, 1],
      [5, 0, 3],
    ] as const) {
      let all = 0;
      let missed = 0;
      for (let choice = 0; choice < 2 ** blocks; choice++) {
        const ones = choice.toString(2).replaceAll('0', '').length;
        if (ones !== checked) continue;
        all++;
        if ((choice & (2 ** tampered - 1)) === 0) missed++;
      }
      expect(undetectedProbability(blocks, tampered, checked, 1)).toBeCloseTo(missed / all, 12);
      expect(undetectedProbability(blocks, tampered, checked, 3)).toBeCloseTo((missed / all) ** 3, 12);
    }
    expect(undetectedProbability(61, 1, 61, 1)).toBe(0);
    expect(undetectedProbability(61, 1, 100, 1)).toBe(0);
    expect(undetectedProbability(61, 1, 0, 3)).toBe(1);
  });

  it('chooses distinct blocks, all of them equally often', () => {
    const random = new TestRandom(9);
    const counts = Array.from({ length: 10 }, () => 0);
    for (let trial = 0; trial < 5000; trial++) {
      const chosen = chooseBlocks(10, 3, (length) => random.bytes(length));
      expect(new Set(chosen).size).toBe(3);
      for (const index of chosen) counts[index] = (counts[index] ?? 0) + 1;
    }
    // 1500 expected each; the standard deviation is 32.
    for (const count of counts) expect(Math.abs(count - 1500)).toBeLessThan(180);
    expect(chooseBlocks(3, 9, (length) => random.bytes(length))).toEqual([0, 1, 2]);
  });
});
