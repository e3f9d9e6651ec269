import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { RunRow } from '../federations.entities.js';
import { becauseOf } from '../../platform/database/transition.js';
import { failureOf, isPermanent } from '../../platform/jobs/job-failure.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import type { JobHandler, JobPayload } from '../../platform/jobs/job-map.js';
import { ClearRoundsService } from '../rounds/clear-rounds.service.js';
import { FederationDriver } from './federation.driver.js';
import { RunTransitions } from '../runs/run-transitions.js';

@Injectable()
export class RunAdvanceHandler implements JobHandler<'run.advance'> {
  readonly job = 'run.advance';
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly driver: FederationDriver,
    private readonly runs: RunTransitions,
  ) {}

  handle({ runId }: JobPayload<'run.advance'>): Promise<void> {
    return this.driver.advance(runId);
  }

  /** What would fail again ends the run; after anything else the reconciler tries again. */
  async gaveUp({ runId }: JobPayload<'run.advance'>, error: unknown): Promise<void> {
    if (isPermanent(error))
      await this.database.transaction((tx) => this.runs.transition(tx, runId, 'failed', becauseOf(failureOf(error))));
  }
}

/** Wakes every running run, so that lost jobs come back and deadlines pass; clears rounds that ended. */
@Injectable()
export class ReconcileHandler implements JobHandler<'reconcile'> {
  readonly job = 'reconcile';

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly jobs: JobsService,
    private readonly rounds: ClearRoundsService,
  ) {}

  async handle(): Promise<void> {
    const runs = await this.database.manager.findBy(RunRow, { state: 'running' });
    for (const { id } of runs)
      await this.jobs.enqueue({ name: 'run.advance', data: { runId: id }, id: `advance-tick-${id}` });
    await this.rounds.clear();
  }

  gaveUp(): Promise<void> {
    return Promise.resolve();
  }
}
