import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, evaluationLength, thresholdOf, updateLength, type Metrics } from '@koinon/contracts';
import { headerDigest, schemes, type EpochHeader } from '@koinon/he';
import { In, type DataSource, type EntityManager } from 'typeorm';
import { AuditService } from '../../platform/audit/audit.service.js';
import { resultKey } from '../../secure-sums/blob-keys.js';
import { BLOBS, type BlobStore } from '../../platform/blobs/blob-store.js';
import { CONFIG, type Config } from '../../platform/config.js';
import { EpochRow, RefusalRow } from '../../key-epochs/key-epochs.entities.js';
import { ModelVersionRow } from '../../registry/registry.entities.js';
import { RoundRow, RunRow } from '../federations.entities.js';
import { ShareRow, SumRow, UploadRow } from '../../secure-sums/secure-sums.entities.js';
import { SiteRow } from '../../identity/identity.entities.js';
import { lockRun } from '../../platform/database/run-lock.js';
import { becauseOf, byCoordinator } from '../../platform/database/transition.js';
import { EventsService } from '../../platform/events/events.service.js';
import { pulseOf } from '../../platform/liveness/heartbeat.service.js';
import { isLate, type Pulse } from '../../platform/liveness/pause.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import type { JobRequest } from '../../platform/jobs/job-map.js';
import { EpochsService } from '../../key-epochs/epochs.service.js';
import { ClosingService } from '../../secure-sums/closing.service.js';
import { nextSumStep, type SumStep } from '../../secure-sums/sum-state.js';
import { SumTransitions } from '../../secure-sums/sum-transitions.js';
import { ReleasesService } from '../../releases/releases.service.js';
import { metricsOf } from '../rounds/evaluation.js';
import { nextRoundStep } from '../rounds/round-state.js';
import { RoundTransitions } from '../rounds/round-transitions.js';
import { RunTransitions } from '../runs/run-transitions.js';
import { offeredStrategy } from '../rounds/strategy.js';

/** Sums of one epoch: the update, then the evaluation of what it gave. */
const SUMS_PER_EPOCH = 2;

/** Uniform on [0, 1) from the system's CSPRNG: nobody may foresee a cohort. */
const uniform = (): number => randomInt(2 ** 47) / 2 ** 47;

/** A node asks for its assignments at least twice in this time. */
const AWAY_AFTER_MS = 60_000;
const isAway = ({ lastSeenAt }: SiteRow, now: Date): boolean =>
  now.getTime() - (lastSeenAt?.getTime() ?? 0) > AWAY_AFTER_MS;

/** Who did not deliver what a sum waited for when it stopped waiting; who refused is recorded with a reason of its own. */
function absentFrom({ state, cohort }: SumRow, step: SumStep, committed: readonly string[]): RoundRow['exclusions'] {
  const endsWithEpoch = step.to === 'failed' && step.sites.length === 0;
  if (state === 'collecting' && !endsWithEpoch)
    return cohort.filter((site) => !committed.includes(site)).map((site) => ({ site, code: 'ROUND_DEADLINE_PASSED' }));
  return step.to === 'failed' ? step.sites.map((site) => ({ site, code: step.code })) : [];
}

/**
 * Moves a run as far as the database allows. Every transition is one transaction under a lock on the run,
 * so that the driver may run any number of times, in any process, and after any crash.
 */
@Injectable()
export class FederationDriver {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(BLOBS) private readonly blobs: BlobStore,
    private readonly jobs: JobsService,
    private readonly events: EventsService,
    private readonly audit: AuditService,
    private readonly epochs: EpochsService,
    private readonly rounds: RoundTransitions,
    private readonly runs: RunTransitions,
    private readonly sums: SumTransitions,
    private readonly closings: ClosingService,
    private readonly releases: ReleasesService,
  ) {}

  async advance(runId: string): Promise<void> {
    for (let moved = true; moved;) {
      moved = await this.database.transaction(async (m) => {
        await lockRun(m, runId);
        const run = await m.findOneBy(RunRow, { id: runId });
        return run?.state === 'running' && this.step(m, run, await pulseOf(m));
      });
    }
    for (const enqueue of await this.outstanding(runId)) await enqueue();
  }

  /** Jobs the present state waits for. Asking again for one that is queued changes nothing. */
  private async outstanding(runId: string): Promise<(() => Promise<void>)[]> {
    const round = await this.database.manager.findOne(RoundRow, { where: { runId }, order: { number: 'DESC' } });
    if (!round) return [];
    const wanted: (() => Promise<void>)[] = [];
    const want = (request: JobRequest) => wanted.push(() => this.jobs.enqueue(request));
    if (round.state === 'updating')
      want({ name: 'round.update', data: { roundId: round.id }, id: `update-${round.id}` });
    const sums = await this.database.manager.findBy(SumRow, {
      roundId: round.id,
      state: In(['aggregating', 'combining']),
    });
    for (const sum of sums) {
      if (sum.state === 'combining') want({ name: 'sum.combine', data: { sumId: sum.id }, id: `combine-${sum.id}` });
      else if (!sum.sumRoot) wanted.push(() => this.closings.enqueueAggregation(sum));
    }
    return wanted;
  }

  private async step(m: EntityManager, run: RunRow, pulse: Pulse): Promise<boolean> {
    const round = await m.findOne(RoundRow, {
      where: { runId: run.id },
      order: { number: 'DESC' },
      lock: { mode: 'pessimistic_write' },
    });
    if (!round) return this.planRound(m, run, pulse.now, 1, await this.baseVersion(m, run));
    if (round.state === 'failed') return this.runs.transition(m, run.id, 'failed', becauseOf(round.failure!));
    if (round.state === 'done') {
      if (round.number >= run.spec.rounds) return this.finishRun(m, run, round);
      return this.planRound(m, run, pulse.now, round.number + 1, round.version!);
    }
    const epoch = round.epochId ? await m.findOneByOrFail(EpochRow, { id: round.epochId }) : null;
    // Locked before its uploads are read: an upload is in the list of its sum, or it is late.
    const sums = await m.find(SumRow, { where: { roundId: round.id }, lock: { mode: 'pessimistic_write' } });
    // The round first: it follows its epoch and sums one state at a time and so passes through each of its own.
    if (await this.stepRound(m, run, round, epoch, sums, pulse)) return true;
    if (epoch && (await this.epochs.advance(m, epoch, pulse))) return true;
    for (const sum of sums) if (await this.stepSum(m, run, epoch!, sum, pulse)) return true;
    return false;
  }

  private async stepSum(
    m: EntityManager,
    run: RunRow,
    { header, failure }: EpochRow,
    sum: SumRow,
    pulse: Pulse,
  ): Promise<boolean> {
    const sites = async (rows: Promise<{ site: string }[]>) => (await rows).map((r) => r.site);
    const committed = await sites(m.findBy(UploadRow, { sumId: sum.id }));
    const refused = await sites(m.findBy(RefusalRow, { subject: 'sum', subjectId: sum.id }));
    const step = nextSumStep({
      state: sum.state,
      cohort: sum.cohort,
      committed,
      refused,
      activeSet: sum.activeSet,
      combined: sum.combined,
      epochFailure: failure,
      quorum: header.minUploads,
      deadlinePassed: isLate(sum, pulse),
      sumCommitted: sum.sumRoot !== null,
      shared: await sites(m.findBy(ShareRow, { sumId: sum.id })),
    });
    if (!step) return false;
    const absent = absentFrom(sum, step, committed);
    if (absent.length > 0) await this.rounds.exclude(m, sum.roundId, absent);
    switch (step.to) {
      case 'failed':
        return this.sums.transition(
          m,
          sum.id,
          'failed',
          becauseOf({ code: step.code, detail: step.sites.join(', ') || (failure?.detail ?? null) }),
        );
      case 'closing': {
        const uploads = await this.closings.uploads(m, sum);
        return this.sums.transition(m, sum.id, 'closing', byCoordinator({ uploads }), { uploads });
      }
      case 'decrypting': {
        const signed = await this.closings.sign(m, sum, run.spec, pulse.now);
        return this.sums.transition(
          m,
          sum.id,
          'decrypting',
          byCoordinator({ sumRoot: sum.sumRoot, activeSet: signed.activeSet }),
          signed,
        );
      }
      default:
        return this.sums.transition(m, sum.id, step.to, byCoordinator());
    }
  }

  private async stepRound(
    m: EntityManager,
    run: RunRow,
    round: RoundRow,
    epoch: EpochRow | null,
    sums: SumRow[],
    { now }: Pulse,
  ): Promise<boolean> {
    const part = (purpose: SumRow['purpose']) => {
      const sum = sums.find((s) => s.purpose === purpose && s.epochId === round.epochId);
      return sum ? { state: sum.state, ...(sum.failure ? { code: sum.failure.code } : {}) } : null;
    };
    const step = nextRoundStep({
      state: round.state,
      cohort: round.cohort,
      version: round.version,
      minSites: run.spec.sites.min,
      spares: epoch?.state === 'failed' ? await this.spares(m, round, now) : [],
      ceremonies: await m.countBy(EpochRow, { roundId: round.id }),
      epoch: epoch && {
        state: epoch.state,
        sites: epoch.failure?.sites ?? [],
        ...(epoch.failure ? { code: epoch.failure.code } : {}),
      },
      update: part('update'),
      evaluation: part('evaluation'),
    });
    if (!step) return false;
    switch (step.to) {
      case 'epoch':
        return this.openEpoch(
          m,
          run,
          round,
          now,
          step.cohort.toSorted(),
          step.excluded.map((site) => ({ site, code: step.code! })),
        );
      case 'collecting':
        await this.openSum(m, run, round, epoch!, now, 'update', await this.shaOf(m, run, round.baseVersion));
        break;
      case 'evaluating':
        await this.openSum(m, run, round, epoch!, now, 'evaluation', await this.shaOf(m, run, round.version!));
        break;
      case 'done': {
        const metrics = await this.metrics(
          sums.find((s) => s.purpose === 'evaluation' && s.epochId === round.epochId)!,
          run.spec.encryption.bits,
        );
        if (metrics instanceof CodedError)
          return this.rounds.transition(
            m,
            round.id,
            'failed',
            becauseOf({ code: metrics.code, detail: 'the result of the evaluation' }),
          );
        await m.update(ModelVersionRow, { model: run.spec.name, version: round.version! }, { metrics });
        return this.rounds.transition(m, round.id, 'done', byCoordinator(), { metrics });
      }
      case 'failed': {
        const cause = sums.find((s) => s.failure)?.failure ?? epoch?.failure;
        if (epoch?.failure)
          await this.rounds.exclude(
            m,
            round.id,
            epoch.failure.sites.map((site) => ({ site, code: step.code })),
          );
        return this.rounds.transition(
          m,
          round.id,
          'failed',
          becauseOf({ code: step.code, detail: cause?.detail ?? null }),
        );
      }
      case 'closing':
      case 'aggregating':
      case 'decrypting':
      case 'updating':
        break;
    }
    return this.rounds.transition(m, round.id, step.to, byCoordinator());
  }

  /** The error where the stored result is damaged or gone: a round without metrics is not done. */
  private async metrics(evaluation: SumRow, bits: number): Promise<Metrics | CodedError> {
    const result = this.blobs.get({ key: resultKey(evaluation.id), sha256: evaluation.resultSha256! });
    return result.then(
      (bytes) => metricsOf(bytes, bits),
      (error: unknown) => {
        if (error instanceof CodedError) return error;
        throw error;
      },
    );
  }

  private async planRound(
    m: EntityManager,
    run: RunRow,
    at: Date,
    number: number,
    baseVersion: number,
  ): Promise<boolean> {
    const sites = await m.findBy(SiteRow, { state: 'enrolled' });
    const away = sites.filter((s) => isAway(s, at)).map((s) => s.id);
    const { sites: limits } = run.spec;
    const { strategy, fit } = offeredStrategy(run.spec);
    const plan = strategy.configureFit(
      sites.map((s) => s.id).toSorted(),
      { fraction: limits.fraction, minSites: limits.min, away },
      uniform,
    );
    const cohort = plan.cohort.toSorted();
    const id = randomUUID();
    await m.insert(RoundRow, {
      id,
      runId: run.id,
      number,
      state: 'planned',
      cohort,
      exclusions: [],
      fit,
      epochId: null,
      baseVersion,
      version: null,
      strategySha256: null,
      metrics: null,
      failure: null,
      timeline: [{ state: 'planned', at: at.toISOString() }],
      startedAt: at,
      finishedAt: null,
    });
    await this.audit.append(m, {
      actor: 'coordinator',
      action: 'round.planned',
      subject: id,
      detail: { run: run.id, round: number, cohort, fit },
    });
    await this.events.publish(m, 'round', id, run.id);
    return true;
  }

  /** Sites that were not drawn and are there, in an order nobody can foresee. */
  private async spares(m: EntityManager, { cohort, exclusions }: RoundRow, now: Date): Promise<string[]> {
    const taken = new Set([...cohort, ...exclusions.map((e) => e.site)]);
    const present = (await m.findBy(SiteRow, { state: 'enrolled' })).filter((s) => !taken.has(s.id) && !isAway(s, now));
    return present
      .map(({ id }) => ({ id, at: uniform() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ id }) => id);
  }

  private async openEpoch(
    m: EntityManager,
    run: RunRow,
    round: RoundRow,
    now: Date,
    cohort: readonly string[],
    excluded: RoundRow['exclusions'],
  ): Promise<boolean> {
    const threshold = thresholdOf(run.spec.sites.threshold, cohort.length);
    const header: EpochHeader = {
      scheme: run.spec.encryption.scheme,
      version: 1,
      epochId: randomUUID(),
      seed: randomBytes(32).toString('hex'),
      roster: [...cohort],
      threshold,
      minUploads: Math.max(run.spec.sites.min, threshold),
      bits: run.spec.encryption.bits,
      sums: SUMS_PER_EPOCH,
    };
    const sites = await m.findBy(SiteRow, { id: In([...cohort]) });
    const entry = (id: string) => {
      const site = sites.find((s) => s.id === id)!;
      return { site: id, identityKey: site.identityKey!, sealingKey: site.sealingKey! };
    };
    await m.insert(EpochRow, {
      id: header.epochId,
      roundId: round.id,
      header: header as never,
      headerSha256: headerDigest(header),
      roster: cohort.map(entry),
      state: 'running',
      stepIndex: 0,
      stepDeadlineAt: new Date(now.getTime() + this.config.ceremonyStepMs),
      failure: null,
    });
    await m.update(RoundRow, { id: round.id }, { epochId: header.epochId, cohort: [...cohort] });
    await this.rounds.exclude(m, round.id, excluded);
    await this.events.publish(m, 'epoch', header.epochId, run.id);
    return true;
  }

  private async openSum(
    m: EntityManager,
    run: RunRow,
    round: RoundRow,
    epoch: EpochRow,
    now: Date,
    purpose: SumRow['purpose'],
    modelSha256: string,
  ): Promise<void> {
    const { valuesPerBlock } = schemes.named(epoch.header.scheme).layout(epoch.header);
    const length = purpose === 'update' ? updateLength(run.parameters) : evaluationLength(run.spec.encryption.bits);
    await m.insert(SumRow, {
      id: randomUUID(),
      roundId: round.id,
      epochId: epoch.id,
      purpose,
      sumIndex: purpose === 'update' ? 0 : 1,
      state: 'collecting',
      cohort: round.cohort,
      length,
      blocks: Math.ceil(length / valuesPerBlock),
      modelSha256,
      uploads: null,
      activeSet: null,
      sumRoot: null,
      closing: null,
      combined: false,
      resultSha256: null,
      failure: null,
      deadlineAt: new Date(now.getTime() + run.spec.sites.roundTimeoutMs),
    });
  }

  private async baseVersion(m: EntityManager, run: RunRow): Promise<number> {
    const base = await m.findOneByOrFail(ModelVersionRow, { runId: run.id, round: 0 });
    return base.version;
  }

  private async shaOf(m: EntityManager, run: RunRow, version: number): Promise<string> {
    return (await m.findOneByOrFail(ModelVersionRow, { model: run.spec.name, version })).sha256;
  }

  private async finishRun(m: EntityManager, run: RunRow, last: RoundRow): Promise<boolean> {
    const { promotion } = run.spec;
    await this.releases.promote(m, {
      model: run.spec.name,
      version: last.version!,
      metrics: last.metrics,
      promotion,
      runId: run.id,
    });
    return this.runs.transition(m, run.id, 'done', byCoordinator());
  }
}
