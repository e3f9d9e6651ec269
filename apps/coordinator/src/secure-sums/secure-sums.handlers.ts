import { setImmediate } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError } from '@koinon/contracts';
import { HeError, schemes } from '@koinon/he';
import type { DataSource } from 'typeorm';
import { BLOBS, type BlobRef, type BlobStore } from '../platform/blobs/blob-store.js';
import { KeyEpochRow } from '../key-epochs/key-epochs.entities.js';
import { DecryptionShareRow, SumBlockRow, SumRow, UploadBlockRow } from './secure-sums.entities.js';
import { runOf } from '../platform/database/run-lock.js';
import { becauseOf } from '../platform/database/transition.js';
import { failureOf } from '../platform/jobs/job-failure.js';
import type { JobHandler, JobPayload } from '../platform/jobs/job-map.js';
import { JobsService } from '../platform/jobs/jobs.service.js';
import { AggregationService } from './aggregation.service.js';
import { SumTransitions } from './sum-transitions.js';
import { resultKey, decryptionShareKey, sumBlockKey, uploadBlockKey } from './blob-keys.js';

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

/** Decrypts the sum. Only rounded integer sums leave this function, never the decoded polynomial. */
@Injectable()
export class SumCombineHandler implements JobHandler<'sum.combine'> {
  readonly job = 'sum.combine';
  constructor(private readonly sums: SumJobs) {}

  async handle({ sumId }: JobPayload<'sum.combine'>): Promise<void> {
    const { sum, header, aggregator } = await this.sums.load(sumId);
    if (sum.combined) return this.sums.advance(sumId, 'combined');
    // A run may have been cancelled since this was asked for.
    if (sum.state !== 'combining') return;
    const shares = new Map<string, Uint8Array>();
    for (const { site, sha256 } of await this.sums.database.manager.findBy(DecryptionShareRow, { sumId })) {
      shares.set(site, await this.sums.read({ key: decryptionShareKey(sumId, site), sha256 }, site));
    }
    const blocks: Uint8Array[] = [];
    for (const ref of await this.sums.blockRefs(sumId)) blocks.push(await this.sums.blobs.get(ref));
    const result = new Uint32Array(sum.length);
    let offset = 0;
    const toDecrypt = {
      sumIndex: sum.sumIndex,
      uploaders: sum.uploads!.map((u) => u.site),
      decryptors: sum.decryptors!,
      blocks,
    };
    for (const values of aggregator.combine(header, toDecrypt, shares)) {
      result.set(values.subarray(0, Math.min(values.length, sum.length - offset)), offset);
      offset += values.length;
      // Between blocks the queue may renew this job's lock.
      await setImmediate();
    }
    const resultSha256 = await this.sums.blobs.put(resultKey(sumId), new Uint8Array(result.buffer));
    await this.sums.database.manager.update(
      SumRow,
      { id: sumId, state: 'combining' },
      { combined: true, resultSha256 },
    );
    await this.sums.advance(sumId, 'combined');
  }

  gaveUp({ sumId }: JobPayload<'sum.combine'>, error: unknown): Promise<void> {
    return this.sums.fail(sumId, error);
  }
}
