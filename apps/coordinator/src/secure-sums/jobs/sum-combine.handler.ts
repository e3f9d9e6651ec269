import { setImmediate } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { JobHandler, JobPayload } from '../../platform/jobs/job-map.js';
import { decryptionShareKey, resultKey } from '../blob-keys.js';
import { DecryptionShareRow, SumRow } from '../secure-sums.entities.js';
import { SumJobs } from './sum-jobs.js';

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
