import { Injectable } from '@nestjs/common';
import { CodedError, thresholdOf } from '@koinon/contracts';
import { requestedTask, type TaskRequest } from '@koinon/secure-tasks';
import { In, type EntityManager } from 'typeorm';
import { SiteRow } from '../../identity/identity.entities.js';
import { KeyEpochRow } from '../../key-epochs/key-epochs.entities.js';
import { KeyEpochsService } from '../../key-epochs/key-epochs.service.js';
import { becauseOf, byCoordinator } from '../../platform/database/transition.js';
import type { Pulse } from '../../platform/liveness/pause.js';
import { VersionsService } from '../../registry/versions.service.js';
import { SecureSumsService } from '../../secure-sums/secure-sums.service.js';
import type { SumRow } from '../../secure-sums/secure-sums.entities.js';
import { RoundRow, type RunRow } from '../federations.entities.js';
import { frameOf, framedRound } from './round-frame.js';
import { RoundPlanner } from './round-planner.service.js';
import { RoundResultsService } from './round-results.service.js';
import { nextRoundTransition, type RoundFacts, type RoundTransition } from './round-state.js';
import { RoundTransitions } from './round-transitions.js';

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
    private readonly planner: RoundPlanner,
    private readonly transitions: RoundTransitions,
    private readonly epochs: KeyEpochsService,
    private readonly sums: SecureSumsService,
    private readonly versions: VersionsService,
    private readonly results: RoundResultsService,
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
        await this.createSums(m, inHand, 'base', now);
        break;
      case 'evaluating':
        await this.createSums(m, inHand, 'next', now);
        break;
      case 'updating':
        break;
      case 'done': {
        const results = await this.results.of(run, round, 'next').catch(codedOrThrow);
        if (results instanceof CodedError) {
          const failure = { code: results.code, detail: 'the result of the evaluation' };
          return this.transitions.transition(m, round.id, 'failed', becauseOf(failure));
        }
        const metrics = results.evaluate ?? null;
        if (metrics) await this.versions.evaluated(m, run.spec.name, round.version!, metrics);
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
    const wanted = { roundId: round.id, scheme, bits, threshold, minUploads, sums: round.tasks.length, roster };
    const keyEpochId = await this.epochs.create(m, wanted, now);
    await m.update(RoundRow, { id: round.id }, { keyEpochId, cohort: roster.map((entry) => entry.site) });
    await this.transitions.exclude(
      m,
      round.id,
      excluded.map((site) => ({ site, code: code! })),
    );
    return true;
  }

  private async createSums(
    m: EntityManager,
    { run, round, epoch }: RoundInHand,
    on: TaskRequest['on'],
    now: Date,
  ): Promise<void> {
    const modelSha256 = await this.versions.digest(
      m,
      run.spec.name,
      on === 'base' ? round.baseVersion : round.version!,
    );
    const frame = frameOf(framedRound(run, round), modelSha256);
    for (const [sumIndex, request] of round.tasks.entries()) {
      if (request.on !== on) continue;
      await this.sums.create(m, epoch!, {
        roundId: round.id,
        task: request.task,
        sumIndex,
        cohort: round.cohort,
        length: requestedTask(request, frame).width(run.parameterCount),
        modelSha256,
        deadlineAt: new Date(now.getTime() + run.spec.sites.roundTimeoutMs),
      });
    }
  }
}

/** A result that is damaged or gone is a way a round ends: without metrics it is not done. */
function codedOrThrow(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  throw error;
}

function factsOf({ run, round, epoch, sums }: RoundInHand): Omit<RoundFacts, 'spares' | 'ceremonies'> {
  const sumsOn = (on: TaskRequest['on']) =>
    sums
      .filter((s) => s.keyEpochId === round.keyEpochId && round.tasks[s.sumIndex]!.on === on)
      .map(({ state, failure }) => ({ state, ...(failure ? { code: failure.code } : {}) }));
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
    base: sumsOn('base'),
    next: sumsOn('next'),
  };
}
