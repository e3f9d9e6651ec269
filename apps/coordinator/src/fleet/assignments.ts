import { createHash } from 'node:crypto';
import { PROTOCOL, type Assignment, type Assignments } from '@koinon/contracts';
import { schemes } from '@koinon/he';
import { requestedTask } from '@koinon/secure-tasks';
import { frameOf } from '../federations/rounds/round-frame.js';
import type { OpenRound, OpenSum, OpenWork } from './open-work.js';

/**
 * What one site has to do of the open work. An assignment is no row and has no state: it is what the rows mean for a site at the
 * moment it asks, and a site that asks again is told again. So all that a site does for one can be done twice.
 *
 * | kind | is there while | until the site | or |
 * |---|---|---|---|
 * | ceremony | a key epoch runs that has the site in its roster | posted its message of this step | refused, or the step is over |
 * | task | a sum collects that has it in its cohort | signed its finished upload | refused, or the list of uploads is fixed |
 * | decrypt | a sum is decrypted that has it among its decryptors | signed its decryption share | refused, or the sum is over |
 * | release | the release is its model's last | reports that it serves just this, or never will | another release follows |
 */
export function assignmentsOf(site: string, { runs, rounds, releases }: OpenWork): Assignments {
  const own = rounds.filter(({ header }) => header.roster.includes(site));
  const list = {
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
    keyEpochs: own.map(({ keyEpochId }) => keyEpochId),
    runs: [...runs],
  };
  return { protocol: PROTOCOL, digest: createHash('sha256').update(JSON.stringify(list)).digest('hex'), ...list };
}

function ceremony(site: string, { keyEpochId, header, roster, stepIndex, posted, refusedBy }: OpenRound): Assignment[] {
  if (stepIndex === null || refusedBy.includes(site)) return [];
  const step = schemes.named(header.scheme).dkgSteps[stepIndex]!;
  if (posted.some((message) => message.step === step && message.site === site)) return [];
  return [
    { kind: 'ceremony', keyEpochId, header: { ...header, roster: [...header.roster] }, roster: [...roster], step },
  ];
}

function sumTask(site: string, round: OpenRound, sum: OpenSum): Assignment[] {
  const { keyEpochId } = round;
  const { sumId, sumIndex } = sum;
  if (sum.state === 'decrypting') {
    if (!sum.decryptors!.includes(site) || sum.sharedBy.includes(site)) return [];
    return [{ kind: 'decrypt', keyEpochId, sumId, commitment: sum.commitment!, uploads: [...sum.uploads] }];
  }
  if (!sum.cohort.includes(site) || sum.uploadedBy.includes(site)) return [];
  const { name, input } = requestedTask(round.tasks[sumIndex]!, frameOf(round, sum.modelSha256, site));
  return [{ kind: 'task', task: name, keyEpochId, sumId, sumIndex, input: { ...input } }];
}
