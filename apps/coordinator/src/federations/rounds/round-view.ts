import type { RoundPhase, RoundView } from '@koinon/contracts';
import type { SumRow, UploadRow } from '../../secure-sums/secure-sums.entities.js';
import type { RoundRow } from '../federations.entities.js';

export type UpdateSum = Pick<SumRow, 'id' | 'roundId' | 'keyEpochId' | 'timeline' | 'uploads' | 'decryptors'>;
export type UploadSize = Pick<UploadRow, 'sumId' | 'site' | 'bytes'>;

/** What happens inside the update's sum while its round is collecting, as far as people see it. */
const phasesOfSum: readonly string[] = ['freezing', 'aggregating', 'decrypting'] satisfies RoundPhase[];

/** A round joined with the sum of its present epoch. */
export function roundView(round: RoundRow, sums: readonly UpdateSum[], uploads: readonly UploadSize[]): RoundView {
  const sum = sums.find((s) => s.roundId === round.id && s.keyEpochId === round.keyEpochId);
  const committed = uploads.filter((u) => u.sumId === sum?.id);
  const timeline = phases(round, sum);
  return {
    id: round.id,
    number: round.number,
    state: round.state === 'collecting' ? timeline.at(-1)!.state : round.state,
    failure: round.failure,
    cohort: round.cohort,
    exclusions: round.exclusions,
    participants: sum?.uploads?.map((u) => u.site) ?? committed.map((u) => u.site),
    decryptors: sum?.decryptors ?? [],
    keyEpochId: round.keyEpochId,
    startedAt: round.startedAt.toISOString(),
    finishedAt: round.finishedAt?.toISOString() ?? null,
    timeline,
    uploadBytes: committed.reduce((n, u) => n + u.bytes, 0),
    metrics: round.metrics,
    version: round.version,
  };
}

function phases({ timeline }: RoundRow, sum: UpdateSum | undefined): RoundView['timeline'] {
  const inside = (sum?.timeline ?? []).filter((entry) => phasesOfSum.includes(entry.state)) as RoundView['timeline'];
  return timeline.flatMap((entry) => (entry.state === 'collecting' ? [entry, ...inside] : [entry]));
}
