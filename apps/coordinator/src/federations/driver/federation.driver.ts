import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { KeyEpochRow } from '../../key-epochs/key-epochs.entities.js';
import { KeyEpochsService } from '../../key-epochs/key-epochs.service.js';
import { lockRun } from '../../platform/database/run-lock.js';
import { becauseOf, byCoordinator } from '../../platform/database/transition.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import { pulseOf } from '../../platform/liveness/heartbeat.service.js';
import type { Pulse } from '../../platform/liveness/pause.js';
import { ModelVersionRow } from '../../registry/registry.entities.js';
import { ReleasesService } from '../../releases/releases.service.js';
import { SumRow } from '../../secure-sums/secure-sums.entities.js';
import { SecureSumsService } from '../../secure-sums/secure-sums.service.js';
import { RoundRow, RunRow } from '../federations.entities.js';
import { countedAfter } from '../rounds/round-frame.js';
import { RoundPlanner, type PlannedRound } from '../rounds/round-planner.service.js';
import { RoundSteps } from '../rounds/round-steps.service.js';
import { RoundTransitions } from '../rounds/round-transitions.js';
import { RunTransitions } from '../runs/run-transitions.js';

/**
 * Moves a run as far as the database allows, in one transaction under a lock on the run, so that the driver may run any
 * number of times, in any process, and after any crash.
 */
@Injectable()
export class FederationDriver {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly jobs: JobsService,
    private readonly planner: RoundPlanner,
    private readonly steps: RoundSteps,
    private readonly rounds: RoundTransitions,
    private readonly runs: RunTransitions,
    private readonly epochs: KeyEpochsService,
    private readonly sums: SecureSumsService,
    private readonly releases: ReleasesService,
  ) {}

  /**
   * The audit log's lock is held from the first transition on, while rows of the run are locked one by one: whoever locks one of
   * these without the run's lock, as uploads and shares do, appends nothing to the audit log in that transaction.
   */
  async advance(runId: string): Promise<void> {
    await this.database.transaction(async (m) => {
      await lockRun(m, runId);
      const pulse = await pulseOf(m);
      for (let moved = true; moved;) {
        const run = await m.findOneBy(RunRow, { id: runId });
        moved = run?.state === 'running' && (await this.advanceOnce(m, run, pulse));
      }
    });
    await this.requestJobs(runId);
  }

  /** Jobs the present state waits for. Asking again for one that is queued changes nothing. */
  private async requestJobs(runId: string): Promise<void> {
    const round = await this.database.manager.findOne(RoundRow, { where: { runId }, order: { number: 'DESC' } });
    if (!round) return;
    if (round.state === 'updating') {
      await this.jobs.enqueue({ name: 'round.update', data: { roundId: round.id }, id: `update-${round.id}` });
    }
    await this.sums.requestJobs(round.id);
  }

  private async advanceOnce(m: EntityManager, run: RunRow, pulse: Pulse): Promise<boolean> {
    const last = { where: { runId: run.id }, order: { number: 'DESC' }, lock: { mode: 'pessimistic_write' } } as const;
    const round = await m.findOne(RoundRow, last);
    if (!round) {
      const first = { number: 1, baseVersion: await baseVersion(m, run), told: {}, counted: {} };
      return this.planRound(m, run, pulse.now, first);
    }
    if (round.state === 'failed') return this.runs.transition(m, run.id, 'failed', becauseOf(round.failure!));
    if (round.state === 'done') {
      if (round.number >= run.spec.rounds) return this.finishRun(m, run, round);
      const sums = await m.findBy(SumRow, { keyEpochId: round.keyEpochId!, state: 'done' });
      const { number, version, told } = round;
      const next = { number: number + 1, baseVersion: version!, told, counted: countedAfter(round, sums) };
      return this.planRound(m, run, pulse.now, next);
    }
    const epoch = round.keyEpochId ? await m.findOneByOrFail(KeyEpochRow, { id: round.keyEpochId }) : null;
    // Locked before its uploads are read: an upload is in the list of its sum, or it is late.
    const sums = await m.find(SumRow, { where: { roundId: round.id }, lock: { mode: 'pessimistic_write' } });
    if (await this.steps.advance(m, { run, round, epoch, sums }, pulse)) return true;
    if (epoch && (await this.epochs.advance(m, epoch, pulse))) return true;
    for (const sum of sums) if (await this.advanceSum(m, run, epoch!, sum, pulse)) return true;
    return false;
  }

  private async advanceSum(
    m: EntityManager,
    run: RunRow,
    epoch: KeyEpochRow,
    sum: SumRow,
    pulse: Pulse,
  ): Promise<boolean> {
    const absent = await this.sums.advance(m, sum, epoch, run.spec.sites.roundTimeoutMs, pulse);
    if (absent && absent.length > 0) await this.rounds.exclude(m, sum.roundId, absent);
    return absent !== null;
  }

  private async planRound(m: EntityManager, run: RunRow, at: Date, round: PlannedRound): Promise<boolean> {
    await this.planner.plan(m, run, at, round);
    return true;
  }

  private async finishRun(m: EntityManager, run: RunRow, last: RoundRow): Promise<boolean> {
    const { name: model, promotion } = run.spec;
    await this.releases.promote(m, { model, version: last.version!, metrics: last.metrics, promotion, runId: run.id });
    return this.runs.transition(m, run.id, 'done', byCoordinator());
  }
}

/** The version that a run starts from. */
async function baseVersion(m: EntityManager, { id }: RunRow): Promise<number> {
  return (await m.findOneByOrFail(ModelVersionRow, { runId: id, round: 0 })).version;
}
