import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { RunRow } from '../database/entities.js';
import { JobsService } from '../jobs/jobs.service.js';
import type { JobHandler, JobPayload } from '../jobs/job-map.js';
import { FederationDriver } from './federation.driver.js';

@Injectable()
export class RunAdvanceHandler implements JobHandler<'run.advance'> {
  readonly job = 'run.advance';
  constructor(private readonly driver: FederationDriver) {}

  handle({ runId }: JobPayload<'run.advance'>): Promise<void> {
    return this.driver.advance(runId);
  }

  /** Nothing to record: the reconciler tries again. */
  gaveUp(): Promise<void> {
    return Promise.resolve();
  }
}

/** Wakes every running run, so that lost jobs come back and deadlines pass. */
@Injectable()
export class ReconcileHandler implements JobHandler<'reconcile'> {
  readonly job = 'reconcile';

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly jobs: JobsService,
  ) {}

  async handle(): Promise<void> {
    const runs = await this.database.manager.findBy(RunRow, { state: 'running' });
    for (const { id } of runs) await this.jobs.enqueue({ name: 'run.advance', data: { runId: id }, id: `advance-tick-${id}` });
  }

  gaveUp(): Promise<void> {
    return Promise.resolve();
  }
}
