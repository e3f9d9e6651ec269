import { describe, expect, it } from 'vitest';
import type { RoundPhase, RoundView } from '@koinon/contracts';
import { phasesOf, rolesOf } from './timeline.js';

const start = Date.parse('2026-11-23T06:00:00Z');
const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();
const round = (state: RoundPhase, entries: [RoundPhase, number][], finished: number | null = null) => ({
  state,
  timeline: entries.map(([s, seconds]) => ({ state: s, at: at(seconds) })),
  finishedAt: finished === null ? null : at(finished),
});
const spent = (phases: ReturnType<typeof phasesOf>) =>
  Object.fromEntries(phases.filter((p) => p.durationMs !== null).map((p) => [p.name, p.durationMs]));

describe('phasesOf', () => {
  it('lets the current state last until now and leaves the rest ahead', () => {
    const phases = phasesOf(
      round('collecting', [
        ['planned', 0],
        ['collecting', 2],
      ]),
      start + 7000,
    );
    expect(spent(phases)).toEqual({ planned: 2000, collecting: 5000 });
    expect(phases.map((p) => p.status)).toEqual(['past', 'now', 'ahead', 'ahead', 'ahead', 'ahead', 'ahead']);
  });
  it('ends the last state when the round ended, not now', () => {
    const phases = phasesOf(
      round(
        'done',
        [
          ['planned', 0],
          ['collecting', 1],
          ['evaluating', 4],
          ['done', 6],
        ],
        6,
      ),
      start + 60_000,
    );
    expect(spent(phases)).toEqual({ planned: 1000, collecting: 3000, evaluating: 2000 });
    expect(phases.at(-1)?.status).toBe('past');
  });
  it('marks the state in which a round failed', () => {
    const phases = phasesOf(
      round(
        'failed',
        [
          ['planned', 0],
          ['collecting', 1],
          ['failed', 121],
        ],
        121,
      ),
      start + 500_000,
    );
    expect(phases[1]).toEqual({ name: 'collecting', status: 'failed', durationMs: 120_000 });
    expect(phases[0]?.status).toBe('past');
  });
  it('does not depend on the order of the entries', () => {
    const phases = phasesOf(
      round('freezing', [
        ['freezing', 5],
        ['planned', 0],
        ['collecting', 1],
      ]),
      start + 6000,
    );
    expect(spent(phases)).toEqual({ planned: 1000, collecting: 4000, freezing: 1000 });
  });
  it('shows no negative time when clocks differ', () => {
    expect(spent(phasesOf(round('planned', [['planned', 10]]), start))).toEqual({ planned: 0 });
  });
});

describe('rolesOf', () => {
  it('says what every site did, exclusion before delivery', () => {
    const view = {
      cohort: ['a1', 'b1', 'c1'],
      participants: ['a1', 'b1'],
      exclusions: [{ site: 'b1', code: 'ROUND_DEADLINE_PASSED' }],
      decryptors: ['a1'],
    } as unknown as RoundView;
    expect(rolesOf(view)).toEqual([
      { site: 'a1', role: 'delivered', code: null, decrypts: true },
      { site: 'b1', role: 'excluded', code: 'ROUND_DEADLINE_PASSED', decrypts: false },
      { site: 'c1', role: 'awaited', code: null, decrypts: false },
    ]);
  });
});
