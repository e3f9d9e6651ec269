import type { Federation } from '@koinon/contracts';
import { taskNames, type RoundFrame } from '@koinon/secure-tasks';
import type { SumRow } from '../../secure-sums/secure-sums.entities.js';
import type { Counted, RoundRow, RunRow } from '../federations.entities.js';

/** A round as far as the tasks in it are told of it. */
export interface FramedRound extends Pick<RunRow, 'recordsSchemaSha256' | 'noiseMultiplier' | 'seed'> {
  readonly runId: string;
  readonly federation: Federation;
  readonly number: number;
  readonly counted: Counted;
}

export const framedRound = (
  { id: runId, spec: federation, recordsSchemaSha256, noiseMultiplier, seed }: RunRow,
  { number, counted }: Pick<RoundRow, 'number' | 'counted'>,
): FramedRound => ({ runId, federation, number, recordsSchemaSha256, noiseMultiplier, seed, counted });

/** What the coordinator knows of a round for whoever is asked a task in it; for itself without a site. */
export function frameOf(
  { runId, federation, number, recordsSchemaSha256, noiseMultiplier, seed, counted }: FramedRound,
  modelSha256: string,
  site?: string,
): RoundFrame {
  const own = site === undefined ? [] : taskNames.map((task) => [task, counted[task]?.[site]] as const);
  return {
    runId,
    round: number,
    federation,
    recordsSchemaSha256,
    modelSha256,
    noiseMultiplier,
    counted: Object.fromEntries(own.filter(([, round]) => round !== undefined)),
    ...(seed === null ? {} : { seed }),
  };
}

/** What counts once a round has made its version: in each of its sums, the sites whose uploads are in it. */
export function countedAfter(
  { number, counted }: Pick<RoundRow, 'number' | 'counted'>,
  sums: readonly Pick<SumRow, 'task' | 'uploads'>[],
): Counted {
  const now = sums.map(({ task, uploads }) => {
    const sites = Object.fromEntries((uploads ?? []).map(({ site }) => [site, number]));
    return [task, { ...counted[task], ...sites }] as const;
  });
  return { ...counted, ...Object.fromEntries(now) };
}
