import { Injectable } from '@nestjs/common';
import type { JobHandler, JobPayload } from '../../platform/jobs/job-map.js';
import { AggregationService } from '../aggregation.service.js';
import { SumJobs } from './sum-jobs.js';

/** Comes when all shards have: every block is added. */
@Injectable()
export class SumRootHandler implements JobHandler<'sum.root'> {
  readonly job = 'sum.root';
  constructor(
    private readonly sums: SumJobs,
    private readonly aggregations: AggregationService,
  ) {}

  async handle({ sumId }: JobPayload<'sum.root'>): Promise<void> {
    const { sum } = await this.sums.load(sumId);
    if (sum.state !== 'aggregating') return;
    if (!sum.sumRoot) await this.aggregations.storeRoot(sumId);
    await this.sums.advance(sumId, 'root');
  }

  gaveUp({ sumId }: JobPayload<'sum.root'>, error: unknown): Promise<void> {
    return this.sums.fail(sumId, error);
  }
}
