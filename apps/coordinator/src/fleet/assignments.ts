import { PROTOCOL, type Assignment, type Assignments } from '@koinon/contracts';
import { schemes } from '@koinon/he';
import type { OpenRound, OpenSum, OpenWork } from './open-work.js';

/** What one site has to do of the open work. */
export function assignmentsOf(site: string, { rounds, releases }: OpenWork): Assignments {
  const own = rounds.filter(({ header }) => header.roster.includes(site));
  return {
    protocol: PROTOCOL,
    assignments: [
      ...own.flatMap((round) => [
        ...ceremony(site, round),
        ...round.sums.filter(({ refusedBy }) => !refusedBy.includes(site)).flatMap((sum) => sumTask(site, round, sum)),
      ]),
      // A release disappears when the site reports that it serves it, or that it does not serve this model at all.
      ...releases
        .filter((due) => due.site === site)
        .map(({ model, alias, release }) => ({ kind: 'release' as const, model, release, alias })),
    ],
    epochs: own.map(({ epochId }) => epochId),
  };
}

function ceremony(site: string, { epochId, header, roster, stepIndex, posted, refusedBy }: OpenRound): Assignment[] {
  if (stepIndex === null || refusedBy.includes(site)) return [];
  const step = schemes.named(header.scheme).dkgSteps[stepIndex]!;
  if (posted.some((message) => message.step === step && message.site === site)) return [];
  return [{ kind: 'ceremony', epochId, header: { ...header, roster: [...header.roster] }, roster: [...roster], step }];
}

function sumTask(site: string, round: OpenRound, sum: OpenSum): Assignment[] {
  const { sumId, sumIndex, modelSha256 } = sum;
  const { epochId, runId, roundId, federation, recordsSchemaSha256, noiseMultiplier, fit, seed } = round;
  if (sum.state === 'decrypting') {
    if (!sum.activeSet!.includes(site) || sum.sharedBy.includes(site)) return [];
    return [{ kind: 'share', epochId, sumId, closing: sum.closing!, uploads: [...sum.uploads] }];
  }
  if (!sum.cohort.includes(site) || sum.uploadedBy.includes(site)) return [];
  const common = { runId, roundId, epochId, sumId, sumIndex, federation, recordsSchemaSha256, modelSha256 };
  if (sum.purpose === 'evaluation') return [{ kind: 'evaluate', ...common }];
  return [{ kind: 'train', ...common, round: round.number, noiseMultiplier, fit, ...(seed === null ? {} : { seed }) }];
}
