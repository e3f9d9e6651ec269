import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError } from '@koinon/contracts';
import { schemes } from '@koinon/he';
import type { DataSource } from 'typeorm';
import { KeyEpochRow } from '../../key-epochs/key-epochs.entities.js';
import { BLOBS, type BlobRef, type BlobStore } from '../../platform/blobs/blob-store.js';
import { runOf } from '../../platform/database/run-lock.js';
import { becauseOf } from '../../platform/database/transition.js';
import { failureOf } from '../../platform/jobs/job-failure.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import { sumBlockKey } from '../blob-keys.js';
import { SumBlockRow, SumRow } from '../secure-sums.entities.js';
import { SumTransitions } from '../sum-transitions.js';

/** What the three jobs of a sum share: loading it, and ending it with a coded reason. */
@Injectable()
export class SumJobs {
  constructor(
    @InjectDataSource() readonly database: DataSource,
    @Inject(BLOBS) readonly blobs: BlobStore,
    private readonly transitions: SumTransitions,
    private readonly jobs: JobsService,
  ) {}

  async load(sumId: string) {
    const sum = await this.database.manager.findOneByOrFail(SumRow, { id: sumId });
    const { header } = await this.database.manager.findOneByOrFail(KeyEpochRow, { id: sum.keyEpochId });
    return { sum, header, aggregator: await schemes.named(header.scheme).aggregator() };
  }

  /** @throws CodedError BLOB_DAMAGED, BLOB_MISSING with the site whose bytes these were */
  async read(ref: BlobRef, site: string): Promise<Buffer> {
    return this.blobs.get(ref).catch((error: unknown) => {
      throw error instanceof CodedError ? new CodedError(error.code, `sent by ${site}`) : error;
    });
  }

  /** The blocks of the sum, in order. */
  async blockRefs(sumId: string): Promise<BlobRef[]> {
    const rows = await this.database.manager.find(SumBlockRow, { where: { sumId }, order: { index: 'ASC' } });
    return rows.map(({ index, sha256 }) => ({ key: sumBlockKey(sumId, index), sha256 }));
  }

  async advance(sumId: string, cause: string): Promise<void> {
    const sum = await this.database.manager.findOneByOrFail(SumRow, { id: sumId });
    const runId = await runOf(this.database.manager, sum.roundId);
    await this.jobs.wake(runId, `${cause}-${sumId}`);
  }

  async fail(sumId: string, error: unknown): Promise<void> {
    await this.database.transaction((tx) =>
      this.transitions.transition(tx, sumId, 'failed', becauseOf(failureOf(error))),
    );
    await this.advance(sumId, 'failed');
  }
}
