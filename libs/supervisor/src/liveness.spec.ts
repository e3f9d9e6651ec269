import { describe, expect, it } from 'vitest';
import { Silence } from './liveness.js';

const pulse = { everyMs: 1000, silences: 3 };

/** The moments at which a program counts as dead, from [moment, answered]. */
const deaths = (...notes: [atMs: number, answered: boolean][]): number[] => {
  const silence = new Silence(pulse, 0);
  return notes.filter(([atMs, answered]) => silence.note(answered, atMs)).map(([atMs]) => atMs);
};

describe('the silence of a program', () => {
  it('ends it after so many questions in a row', () => {
    expect(deaths([1000, false], [2000, false], [3000, false])).toEqual([3000]);
  });

  it('is forgotten with the first answer', () => {
    expect(deaths([1000, false], [2000, false], [3000, true], [4000, false], [5000, false], [6000, false])).toEqual([
      6000,
    ]);
  });

  it('does not count while the one who asks stood still: a laptop was closed', () => {
    expect(
      deaths(
        [1000, false],
        [2000, false],
        [3_600_000, false],
        [3_601_000, false],
        [3_602_000, false],
        [3_603_000, false],
      ),
    ).toEqual([3_603_000]);
  });
});
