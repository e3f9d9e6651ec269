/** What the page asks of the list of runs. Pure. */
import { thresholdOf, type Metrics, type RoundView, type RunView } from '@koinon/contracts';

/** Newest first; a running one before all others. */
export function inOrder(runs: readonly RunView[]): RunView[] {
  const rank = (run: RunView) => (run.state === 'running' ? 1 : 0);
  return [...runs].sort((a, b) => rank(b) - rank(a) || Date.parse(b.startedAt) - Date.parse(a.startedAt));
}

export function lastRound(run: Pick<RunView, 'rounds'>): RoundView | undefined {
  return run.rounds.reduce<RoundView | undefined>((last, r) => (last && last.number > r.number ? last : r), undefined);
}

/** The two newest evaluated rounds' metrics. */
export function latestMetrics(run: Pick<RunView, 'rounds'>): { now: Metrics; before: Metrics | undefined } | undefined {
  const evaluated = run.rounds.filter((r) => r.metrics !== null).sort((a, b) => b.number - a.number);
  const now = evaluated[0]?.metrics;
  return now ? { now, before: evaluated[1]?.metrics ?? undefined } : undefined;
}

/** `3 of 4`, or `3 of at least 3` before a cohort is known. */
export function thresholdText(run: Pick<RunView, 'spec' | 'rounds'>): string {
  const cohort = lastRound(run)?.cohort.length ?? 0;
  const { threshold, min } = run.spec.sites;
  return cohort > 0
    ? `${thresholdOf(threshold, cohort)} of ${cohort}`
    : `${thresholdOf(threshold, min)} of at least ${min}`;
}

/** One sentence for those who do not see the page change. */
export function announcementOf(run: RunView): string {
  const round = lastRound(run);
  if (run.state === 'running')
    return round ? `Round ${round.number} of ${run.spec.rounds}: ${round.state}.` : 'The run is being prepared.';
  if (run.state === 'failed') return `The run failed${run.failure ? `: ${run.failure.code}` : ''}.`;
  return run.state === 'done' ? 'The run is done.' : 'The run was cancelled.';
}
