import { Injectable } from '@nestjs/common';
import { HeError } from '@koinon/he';
import type { JobHandler, JobPayload } from '../../platform/jobs/job-map.js';
import { sumBlockKey, uploadBlockKey } from '../blob-keys.js';
import { SumBlockRow, UploadBlockRow } from '../secure-sums.entities.js';
import { SumJobs } from './sum-jobs.js';

/** Adds one shard of blocks. Memory: one block of the sum and one of an upload, however many sites there are. */
@Injectable()
export class SumShardHandler implements JobHandler<'sum.shard'> {
  readonly job = 'sum.shard';
  constructor(private readonly sums: SumJobs) {}

  async handle({ sumId, from, to }: JobPayload<'sum.shard'>): Promise<void> {
    const { sum, header, aggregator } = await this.sums.load(sumId);
    // The sum may have its root or its run be over since this was asked for.
    if (sum.state !== 'aggregating' || sum.sumRoot) return;
    const adder = aggregator.adder(header);
    const rows = this.sums.database.getRepository(SumBlockRow);
    for (let index = from; index < to; index++) {
      if (await rows.existsBy({ sumId, index })) continue;
      for (const { site } of sum.uploads!) {
        const { sha256 } = await this.sums.database.manager.findOneByOrFail(UploadBlockRow, { sumId, site, index });
        const block = await this.sums.read({ key: uploadBlockKey(sumId, site, index), sha256 }, site);
        try {
          adder.add(block);
        } catch (error) {
          throw error instanceof HeError ? new HeError(error.code, error.message, site) : error;
        }
      }
      const sha256 = await this.sums.blobs.put(sumBlockKey(sumId, index), adder.finish());
      await rows.upsert({ sumId, index, sha256 }, ['sumId', 'index']);
    }
  }

  gaveUp({ sumId }: JobPayload<'sum.shard'>, error: unknown): Promise<void> {
    return this.sums.fail(sumId, error);
  }
}
