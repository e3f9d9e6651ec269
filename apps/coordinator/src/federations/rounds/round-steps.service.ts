import { Inject, Injectable } from '@nestjs/common';
import { CodedError, evaluationLength, thresholdOf, updateLength } from '@koinon/contracts';
import { In, type EntityManager } from 'typeorm';
import { SiteRow } from '../../identity/identity.entities.js';
import { KeyEpochRow } from '../../key-epochs/key-epochs.entities.js';
import { KeyEpochsService } from '../../key-epochs/key-epochs.service.js';
import { BLOBS, type BlobStore } from '../../platform/blobs/blob-store.js';
import { becauseOf, byCoordinator } from '../../platform/database/transition.js';
import type { Pulse } from '../../platform/liveness/pause.js';
import { VersionsService } from '../../registry/versions.service.js';
import { SecureSumsService } from '../../secure-sums/secure-sums.service.js';
import type { SumRow } from '../../secure-sums/secure-sums.entities.js';
import { RoundRow, type RunRow } from '../federations.entities.js';
import { storedMetrics } from './evaluation.js';
import { RoundPlanner } from './round-planner.service.js';
import { nextRoundTransition, type RoundFacts, type RoundTransition } from './round-state.js';
import { RoundTransitions } from './round-transitions.js';

/** Sums of one epoch: the update, then the evaluation of what it gave. */
const SUMS_PER_EPOCH = 2;

/** A round with what it waits for; all of it is locked. */
export interface RoundInHand {
  readonly run: RunRow;
  readonly round: RoundRow;
  readonly epoch: KeyEpochRow | null;
  /** Of all epochs that the round began. */
  readonly sums: readonly SumRow[];
}

/** Moves a round by one transition, and asks the other modules for what that needs. */
@Injectable()
export class RoundSteps {
  constructor(
    @Inject(BLOBS) private readonly blobs: BlobStore,
    private readonly planner: RoundPlanner,
    private readonly transitions: RoundTransitions,
    private readonly epochs: KeyEpochsService,
    private readonly sums: SecureSumsService,
    private readonly versions: VersionsService,
  ) {}

  /** @returns false while the round waits */
  async advance(m: EntityManager, inHand: RoundInHand, { now }: Pulse): Promise<boolean> {
    const { round, epoch } = inHand;
    const step = nextRoundTransition({
      ...factsOf(inHand),
      spares: epoch?.state === 'failed' ? await this.planner.spares(m, round, now) : [],
      ceremonies: await m.countBy(KeyEpochRow, { roundId: round.id }),
    });
    return step !== null && this.apply(m, inHand, step, now);
  }

  private async apply(m: EntityManager, inHand: RoundInHand, step: RoundTransition, now: Date): Promise<boolean> {
    const { run, round, epoch, sums } = inHand;
    switch (step.to) {
      case 'epoch':
        return this.createEpoch(m, inHand, step, now);
      case 'collecting':
        await this.createSum(m, inHand, 'update', round.baseVersion, now);
        break;
      case 'evaluating':
        await this.createSum(m, inHand, 'evaluation', round.version!, now);
        break;
      case 'updating':
        break;
      case 'done': {
        const metrics = await storedMetrics(this.blobs, sumOf(inHand, 'evaluation')!, run.spec.encryption.bits);
        if (metrics instanceof CodedError) {
          const failure = { code: metrics.code, detail: 'the result of the evaluation' };
          return this.transitions.transition(m, round.id, 'failed', becauseOf(failure));
        }
        await this.versions.evaluated(m, run.spec.name, round.version!, metrics);
        return this.transitions.transition(m, round.id, 'done', byCoordinator(), { metrics });
      }
      case 'failed': {
        const { code } = step;
        const cause = sums.find((s) => s.failure)?.failure ?? epoch?.failure;
        const spoilers = epoch?.failure?.sites ?? [];
        if (spoilers.length > 0)
          await this.transitions.exclude(
            m,
            round.id,
            spoilers.map((site) => ({ site, code })),
          );
        return this.transitions.transition(m, round.id, 'failed', becauseOf({ code, detail: cause?.detail ?? null }));
      }
    }
    return this.transitions.transition(m, round.id, step.to, byCoordinator());
  }

  private async createEpoch(
    m: EntityManager,
    { run: { spec }, round }: RoundInHand,
    { cohort, excluded, code }: RoundTransition & { to: 'epoch' },
    now: Date,
  ): Promise<boolean> {
    const { scheme, bits } = spec.encryption;
    const threshold = thresholdOf(spec.sites.threshold, cohort.length);
    const minUploads = Math.max(spec.sites.min, threshold);
    const sites = await m.find(SiteRow, { where: { id: In([...cohort]) }, order: { id: 'ASC' } });
    const roster = cohort.toSorted().map((id) => {
      const { identityKey, sealingKey } = sites.find((s) => s.id === id)!;
      return { site: id, identityKey: identityKey!, sealingKey: sealingKey! };
    });
    const wanted = { roundId: round.id, scheme, bits, threshold, minUploads, sums: SUMS_PER_EPOCH, roster };
    const keyEpochId = await this.epochs.create(m, wanted, now);
    await m.update(RoundRow, { id: round.id }, { keyEpochId, cohort: roster.map((entry) => entry.site) });
    await this.transitions.exclude(
      m,
      round.id,
      excluded.map((site) => ({ site, code: code! })),
    );
    return true;
  }

  private async createSum(
    m: EntityManager,
    { run, round, epoch }: RoundInHand,
    purpose: SumRow['purpose'],
    version: number,
    now: Date,
  ): Promise<void> {
    const { spec } = run;
    await this.sums.create(m, epoch!, {
      roundId: round.id,
      purpose,
      sumIndex: purpose === 'update' ? 0 : 1,
      cohort: round.cohort,
      length: purpose === 'update' ? updateLength(run.parameterCount) : evaluationLength(spec.encryption.bits),
      modelSha256: await this.versions.digest(m, spec.name, version),
      deadlineAt: new Date(now.getTime() + spec.sites.roundTimeoutMs),
    });
  }
}

const sumOf = ({ round, sums }: RoundInHand, purpose: SumRow['purpose']): SumRow | undefined =>
  sums.find((s) => s.purpose === purpose && s.keyEpochId === round.keyEpochId);

function factsOf(inHand: RoundInHand): Omit<RoundFacts, 'spares' | 'ceremonies'> {
  const { run, round, epoch } = inHand;
  const part = (purpose: SumRow['purpose']) => {
    const sum = sumOf(inHand, purpose);
    return sum ? { state: sum.state, ...(sum.failure ? { code: sum.failure.code } : {}) } : null;
  };
  return {
    state: round.state,
    cohort: round.cohort,
    version: round.version,
    minSites: run.spec.sites.min,
    epoch: epoch && {
      state: epoch.state,
      sites: epoch.failure?.sites ?? [],
      ...(epoch.failure ? { code: epoch.failure.code } : {}),
    },
    update: part('update'),
    evaluation: part('evaluation'),
  };
}
