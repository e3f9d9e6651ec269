import { describe, expect, it } from 'vitest';
import { roundView, runView } from '../testing/views.js';
import { RunProgress, durationOf } from './progress.js';

describe('RunProgress', () => {
  it('tells each step once, in words', () => {
    const progress = new RunProgress();
    const planned = runView([roundView(1, { state: 'planned', finishedAt: null, metrics: null })]);
    expect(progress.news(runView([]))).toEqual([]);
    expect(progress.news(planned)).toEqual(['round 1 of 5: agreeing on a key']);
    expect(progress.news(planned)).toEqual([]);
  });

  it('never leaves out a result or a hospital, however much happened between two views', () => {
    const progress = new RunProgress();
    const second = roundView(2, {
      participants: ['cleveland', 'hungarian', 'va'],
      exclusions: [{ site: 'switzerland', code: 'SITE_DATA_INVALID' }],
    });
    expect(
      progress.news(
        runView([roundView(1), second, roundView(3, { state: 'evaluating', finishedAt: null, metrics: null })]),
      ),
    ).toEqual([
      'round 1 of 5: done in 1.5 s · 4 hospitals · accuracy 0.800 · AUC 0.880',
      'round 2 of 5: goes on without switzerland (SITE_DATA_INVALID)',
      'round 2 of 5: done in 2.5 s · 3 hospitals · accuracy 0.800 · AUC 0.880',
      'round 3 of 5: evaluating',
    ]);
  });

  it('says why a round failed', () => {
    const failed = roundView(1, {
      state: 'failed',
      metrics: null,
      failure: { code: 'ROUND_QUORUM_MISSED', detail: null },
    });
    expect(new RunProgress().news(runView([failed]))).toEqual(['round 1 of 5: failed: ROUND_QUORUM_MISSED']);
  });
});

describe('durationOf', () => {
  it('is the time from plan to end, and 0 while the round goes on', () => {
    expect(durationOf(roundView(3))).toBe(3500);
    expect(durationOf(roundView(3, { finishedAt: null }))).toBe(0);
  });
});
