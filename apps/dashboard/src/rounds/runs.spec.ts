import { describe, expect, it } from 'vitest';
import type { RoundView, RunView } from '@koinon/contracts';
import { announcementOf, inOrder, latestMetrics, thresholdText } from './runs.js';

const rates = (auc: number) => ({ accuracy: 0.7, auc, f1: 0.7, records: 254 });
const round = (number: number, auc: number | null = null): RoundView =>
  ({
    number,
    state: auc === null ? 'collecting' : 'done',
    cohort: ['a1', 'b1', 'c1', 'd1'],
    metrics: auc === null ? null : rates(auc),
  }) as unknown as RoundView;
const run = (id: string, state: RunView['state'], startedAt: string, rounds: RoundView[] = []): RunView =>
  ({
    id,
    state,
    startedAt,
    rounds,
    failure: state === 'failed' ? { code: 'SHARES_MISSING', detail: null } : null,
    spec: { rounds: 5, sites: { min: 3, threshold: 'majority' } },
  }) as unknown as RunView;

describe('runs', () => {
  it('puts the running one first and then the newest', () => {
    const runs = [
      run('old', 'done', '2026-11-01T00:00:00Z'),
      run('new', 'failed', '2026-11-03T00:00:00Z'),
      run('now', 'running', '2026-11-02T00:00:00Z'),
    ];
    expect(inOrder(runs).map((r) => r.id)).toEqual(['now', 'new', 'old']);
  });
  it('compares the two newest evaluated rounds, whatever their order', () => {
    const metrics = latestMetrics({ rounds: [round(3), round(2, 0.84), round(1, 0.8)] });
    expect([metrics?.now.auc, metrics?.before?.auc]).toEqual([0.84, 0.8]);
    expect(latestMetrics({ rounds: [round(1)] })).toBeUndefined();
  });
  it('says t of n once a cohort is known', () => {
    expect(thresholdText(run('a', 'running', '2026-11-01T00:00:00Z'))).toBe('2 of at least 3');
    expect(thresholdText(run('a', 'running', '2026-11-01T00:00:00Z', [round(1)]))).toBe('3 of 4');
  });
  it('announces where a run is', () => {
    expect(announcementOf(run('a', 'running', '2026-11-01T00:00:00Z', [round(1, 0.8), round(2)]))).toBe(
      'Round 2 of 5: collecting.',
    );
    expect(announcementOf(run('a', 'failed', '2026-11-01T00:00:00Z'))).toBe('The run failed: SHARES_MISSING.');
  });
});
