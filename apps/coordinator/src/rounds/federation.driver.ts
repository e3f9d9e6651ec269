import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { evaluationLength, thresholdOf, updateLength, type RoundState } from '@koinon/contracts';
import { headerDigest, sumScheme, type EpochHeader } from '@koinon/he';
import { strategyByName } from '@koinon/strategies';
import { In, type DataSource, type EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { resultKey } from '../aggregation/keys.js';
import { BLOBS, type BlobStore } from '../blobs/blob-store.js';
import { CONFIG, type Config } from '../config.js';
import { EpochRow, ModelVersionRow, RefusalRow, RoundRow, RunRow, ShareRow, SiteRow, SumRow, UploadRow } from '../database/entities.js';
import { EventsService } from '../events/events.service.js';
import { JobsService } from '../jobs/jobs.service.js';
import type { JobRequest } from '../jobs/job-map.js';
import { EpochsService } from '../keys/epochs.service.js';
import { ClosingService } from '../aggregation/closing.service.js';
import { nextSumStep } from '../aggregation/sum-state.js';
import { ReleasesService } from '../releases/releases.service.js';
import { metricsOf } from './evaluation.js';
import { nextRoundStep } from './round-state.js';

/** Sums of one epoch: the update, then the evaluation of what it gave. */
const SUMS_PER_EPOCH = 2;

/** Uniform on [0, 1) from the system's CSPRNG: nobody may foresee a cohort. */
const uniform = (): number => randomInt(2 ** 47) / 2 ** 47;

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
    private readonly closings: ClosingService,
    private readonly releases: ReleasesService,
  ) {}

  async advance(runId: string): Promise<void> {
    for (let moved = true; moved; ) {
      moved = await this.database.transaction(async (m) => {
        const run = await m.findOne(RunRow, { where: { id: runId, state: 'running' }, lock: { mode: 'pessimistic_write' } });
        if (!run) return false;
        return this.step(m, run);
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
    if (round.state === 'updating') want({ name: 'round.update', data: { roundId: round.id }, id: `update-${round.id}` });
    const sums = await this.database.manager.findBy(SumRow, { roundId: round.id, state: In(['aggregating', 'combining']) });
    for (const sum of sums) {
      if (sum.state === 'combining') want({ name: 'sum.combine', data: { sumId: sum.id }, id: `combine-${sum.id}` });
      else if (!sum.sumRoot) wanted.push(() => this.closings.enqueueAggregation(sum));
    }
    return wanted;
  }

  private async step(m: EntityManager, run: RunRow): Promise<boolean> {
    const round = await m.findOne(RoundRow, { where: { runId: run.id }, order: { number: 'DESC' }, lock: { mode: 'pessimistic_write' } });
    if (!round) return this.planRound(m, run, 1, await this.baseVersion(m, run));
    if (round.state === 'failed') return this.finishRun(m, run, 'failed', round);
    if (round.state === 'done') {
      if (round.number >= run.spec.rounds) return this.finishRun(m, run, 'done', round);
      return this.planRound(m, run, round.number + 1, round.version!);
    }
    const epoch = round.epochId ? await m.findOneByOrFail(EpochRow, { id: round.epochId }) : null;
    const sums = await m.findBy(SumRow, { roundId: round.id });
    // The round first: it follows its epoch and sums one state at a time and so passes through each of its own.
    if (await this.stepRound(m, run, round, epoch, sums)) return true;
    if (epoch && (await this.epochs.advance(m, epoch, run.id))) return true;
    for (const sum of sums) if (await this.stepSum(m, run, epoch!, sum)) return true;
    return false;
  }

  private async stepSum(m: EntityManager, run: RunRow, { header }: EpochRow, sum: SumRow): Promise<boolean> {
    const sites = async (rows: Promise<{ site: string }[]>) => (await rows).map((r) => r.site);
    const committed = await sites(m.findBy(UploadRow, { sumId: sum.id }));
    const refused = await sites(m.findBy(RefusalRow, { subject: 'sum', subjectId: sum.id }));
    const step = nextSumStep({
      state: sum.state, cohort: sum.cohort, committed, refused, activeSet: sum.activeSet, combined: sum.combined,
      quorum: header.minUploads,
      deadlinePassed: sum.deadlineAt.getTime() <= Date.now(),
      sumCommitted: sum.sumRoot !== null,
      shared: await sites(m.findBy(ShareRow, { sumId: sum.id })),
    });
    if (!step) return false;
    if (step.to === 'closing') await this.closings.fixUploads(m, sum);
    if (step.to === 'decrypting') await this.closings.sign(m, sum, run.spec);
    const failure = step.to === 'failed' ? { code: step.code, detail: step.sites.join(', ') || null } : null;
    await m.update(SumRow, { id: sum.id }, { state: step.to, ...(failure ? { failure } : {}) });
    await this.events.publish(m, 'round', sum.roundId, run.id);
    return true;
  }

  private async stepRound(m: EntityManager, run: RunRow, round: RoundRow, epoch: EpochRow | null, sums: SumRow[]): Promise<boolean> {
    const part = (purpose: SumRow['purpose']) => {
      const sum = sums.find((s) => s.purpose === purpose && s.epochId === round.epochId);
      return sum ? { state: sum.state, ...(sum.failure ? { code: sum.failure.code } : {}) } : null;
    };
    const step = nextRoundStep({
      state: round.state, cohort: round.cohort, version: round.version, minSites: run.spec.sites.min,
      epoch: epoch && { state: epoch.state, sites: epoch.failure?.sites ?? [], ...(epoch.failure ? { code: epoch.failure.code } : {}) },
      update: part('update'),
      evaluation: part('evaluation'),
    });
    if (!step) return false;
    switch (step.to) {
      case 'epoch':
        return this.openEpoch(m, run, round, step.cohort, step.excluded.map((site) => ({ site, code: step.code! })));
      case 'collecting':
        await this.openSum(m, run, round, epoch!, 'update', await this.shaOf(m, run, round.baseVersion));
        break;
      case 'evaluating':
        await this.openSum(m, run, round, epoch!, 'evaluation', await this.shaOf(m, run, round.version!));
        break;
      case 'done':
        await this.recordMetrics(m, run, round, sums.find((s) => s.purpose === 'evaluation' && s.epochId === round.epochId)!);
        break;
      case 'closing':
      case 'aggregating':
      case 'decrypting':
      case 'updating':
        break;
      case 'failed': {
        const cause = sums.find((s) => s.failure)?.failure ?? epoch?.failure;
        round.failure = { code: step.code, detail: cause?.detail ?? null };
        break;
      }
    }
    await this.enter(m, run, round, step.to);
    return true;
  }

  private async recordMetrics(m: EntityManager, run: RunRow, round: RoundRow, evaluation: SumRow): Promise<void> {
    const metrics = metricsOf(await this.blobs.get(resultKey(evaluation.id)));
    await m.update(RoundRow, { id: round.id }, { metrics });
    await m.update(ModelVersionRow, { model: run.spec.name, version: round.version! }, { metrics });
  }

  private async enter(m: EntityManager, run: RunRow, round: RoundRow, state: RoundState): Promise<void> {
    const at = new Date();
    const finished = state === 'done' || state === 'failed';
    const timeline = [...round.timeline, { state, at: at.toISOString() }];
    await m.update(RoundRow, { id: round.id }, { state, timeline, failure: round.failure, finishedAt: finished ? at : null });
    await this.audit.append(m, { actor: 'coordinator', action: `round.${state}`, subject: round.id, detail: { run: run.id, round: round.number, code: round.failure?.code ?? null } });
    await this.events.publish(m, 'round', round.id, run.id);
  }

  private async planRound(m: EntityManager, run: RunRow, number: number, baseVersion: number): Promise<boolean> {
    const sites = await m.findBy(SiteRow, { state: 'enrolled' });
    const { strategy, sites: limits } = run.spec;
    const plan = strategyByName(strategy.name, strategy.params).configureFit(sites.map((s) => s.id).toSorted(), { fraction: limits.fraction, minSites: limits.min }, uniform);
    const cohort = plan.cohort.toSorted();
    const at = new Date();
    const id = randomUUID();
    await m.insert(RoundRow, {
      id, runId: run.id, number, state: 'planned', cohort, exclusions: [], epochId: null, baseVersion, version: null, metrics: null,
      failure: null, timeline: [{ state: 'planned', at: at.toISOString() }], startedAt: at, finishedAt: null,
    });
    await this.audit.append(m, { actor: 'coordinator', action: 'round.planned', subject: id, detail: { run: run.id, round: number, cohort } });
    await this.events.publish(m, 'round', id, run.id);
    return true;
  }

  private async openEpoch(m: EntityManager, run: RunRow, round: RoundRow, cohort: readonly string[], excluded: RoundRow['exclusions']): Promise<boolean> {
    const threshold = thresholdOf(run.spec.sites.threshold, cohort.length);
    const header: EpochHeader = {
      scheme: run.spec.encryption.scheme, version: 1, epochId: randomUUID(), seed: randomBytes(32).toString('hex'), roster: [...cohort],
      threshold, minUploads: Math.max(run.spec.sites.min, threshold), bits: run.spec.encryption.bits, sums: SUMS_PER_EPOCH,
    };
    const sites = await m.findBy(SiteRow, { id: In([...cohort]) });
    const entry = (id: string) => {
      const site = sites.find((s) => s.id === id)!;
      return { site: id, identityKey: site.identityKey!, sealingKey: site.sealingKey! };
    };
    await m.insert(EpochRow, {
      id: header.epochId, roundId: round.id, header: header as never, headerSha256: headerDigest(header), roster: cohort.map(entry), state: 'running',
      stepIndex: 0, stepDeadlineAt: new Date(Date.now() + this.config.ceremonyStepMs), failure: null,
    });
    await m.update(RoundRow, { id: round.id }, { epochId: header.epochId, cohort: [...cohort], exclusions: [...round.exclusions, ...excluded] });
    await this.events.publish(m, 'epoch', header.epochId, run.id);
    return true;
  }

  private async openSum(m: EntityManager, run: RunRow, round: RoundRow, epoch: EpochRow, purpose: SumRow['purpose'], modelSha256: string): Promise<void> {
    const scheme = await sumScheme(epoch.header.scheme);
    const length = purpose === 'update' ? updateLength(run.parameters) : evaluationLength;
    await m.insert(SumRow, {
      id: randomUUID(), roundId: round.id, epochId: epoch.id, purpose, sumIndex: purpose === 'update' ? 0 : 1, state: 'collecting', cohort: round.cohort,
      length, blocks: Math.ceil(length / scheme.layout(epoch.header).valuesPerBlock), modelSha256, uploads: null, activeSet: null, sumRoot: null,
      closing: null, combined: false, failure: null, deadlineAt: new Date(Date.now() + run.spec.sites.roundTimeoutMs),
    });
  }

  private async baseVersion(m: EntityManager, run: RunRow): Promise<number> {
    const base = await m.findOneByOrFail(ModelVersionRow, { runId: run.id, round: 0 });
    return base.version;
  }

  private async shaOf(m: EntityManager, run: RunRow, version: number): Promise<string> {
    return (await m.findOneByOrFail(ModelVersionRow, { model: run.spec.name, version })).sha256;
  }

  private async finishRun(m: EntityManager, run: RunRow, state: 'done' | 'failed', last: RoundRow): Promise<boolean> {
    if (state === 'done') await this.releases.promote(m, run, last);
    await m.update(RunRow, { id: run.id }, { state, finishedAt: new Date(), failure: last.failure });
    await this.audit.append(m, { actor: 'coordinator', action: `run.${state}`, subject: run.id, detail: { code: last.failure?.code ?? null } });
    await this.events.publish(m, 'run', run.id, run.id);
    return true;
  }
}
