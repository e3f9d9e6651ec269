import { describe, expect, it } from 'vitest';
import { afterPause, isLate, MOST_EXTENSIONS, PAUSE_MS } from './pause.js';

const at = (ms: number) => new Date(1_000_000 + ms);

describe('a deadline', () => {
  it.each([
    [-1, false, false],
    [0, false, true],
    [60_000, false, true],
    [0, true, false],
    [60_000, true, false],
  ])('%d ms behind it, with a silent coordinator %s, is missed: %s', (behind, silent, late) => {
    expect(isLate({ deadlineAt: at(0) }, { now: at(behind), silent })).toBe(late);
  });
});

describe('after a silence', () => {
  const fullMs = 30_000;
  it.each([
    ['an ordinary second', 1_000, 0, null],
    ['just no pause', PAUSE_MS, 0, null],
    ['a short pause', PAUSE_MS + 1, 0, 1],
    ['a pause longer than the step', 40_000, 0, 1],
    ['a weekend', 2 * 86_400_000, 1, 2],
    ['the last one that counts', 40_000, MOST_EXTENSIONS - 1, MOST_EXTENSIONS],
    ['one too many', 40_000, MOST_EXTENSIONS, null],
  ])('of %s (%d ms, extended %d times) the step has been extended %s times', (_, silenceMs, extensions, times) => {
    const given = afterPause({ deadlineAt: at(-10_000), extensions }, fullMs, silenceMs, at(0));
    expect(given).toEqual(times === null ? null : { deadlineAt: at(fullMs), extensions: times });
  });
});
