import type { RoundPhase, RoundView, RunView } from '@koinon/contracts';

/** What a round does in a state, in words for people. */
const doing: Record<RoundPhase, string> = {
  planned: 'agreeing on a key',
  collecting: 'training and encrypting',
  freezing: 'adding up ciphertexts',
  aggregating: 'adding up ciphertexts',
  decrypting: 'decrypting the sum together',
  updating: 'making the new version',
  evaluating: 'evaluating',
  done: 'done',
  failed: 'failed',
};

/** Tells what is new in each view of a run: every step, every site left out and every result once. */
export class RunProgress {
  private readonly told = new Set<string>();

  /** Lines nobody has seen yet; a state that came and went between two views stays untold, a result never. */
  news(run: RunView): string[] {
    const lines = run.rounds.flatMap((round) => [
      ...round.exclusions.map(
        ({ site, code }) => `round ${round.number} of ${run.spec.rounds}: goes on without ${site} (${code})`,
      ),
      ...(round === run.rounds.at(-1) || round.finishedAt
        ? [`round ${round.number} of ${run.spec.rounds}: ${result(round)}`]
        : []),
    ]);
    const news = lines.filter((line) => !this.told.has(line));
    for (const line of news) this.told.add(line);
    return news;
  }
}

function result(round: RoundView): string {
  if (round.state === 'failed') return `failed: ${round.failure?.code ?? 'INTERNAL'}`;
  if (round.state !== 'done' || !round.metrics) return doing[round.state];
  const seconds = (durationOf(round) / 1000).toFixed(1);
  const { accuracy, auc } = round.metrics;
  return `done in ${seconds} s · ${round.participants.length} hospitals · accuracy ${accuracy.toFixed(3)} · AUC ${auc.toFixed(3)}`;
}

/** Milliseconds from plan to end; 0 while it goes on. */
export function durationOf({ startedAt, finishedAt }: RoundView): number {
  return finishedAt ? Date.parse(finishedAt) - Date.parse(startedAt) : 0;
}
