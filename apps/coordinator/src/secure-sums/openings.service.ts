import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, type Opening } from '@koinon/contracts';
import { toBase64 } from '@koinon/signing';
import type { DataSource } from 'typeorm';
import { BLOBS, type BlobRef, type BlobStore } from '../platform/blobs/blob-store.js';
import { runOf } from '../platform/database/run-lock.js';
import { becauseOf } from '../platform/database/transition.js';
import { failureOf } from '../platform/jobs/job-failure.js';
import { JobsService } from '../platform/jobs/jobs.service.js';
import { sumBlockKey, uploadBlockKey } from './blob-keys.js';
import { SumBlockRow, type SumRow } from './secure-sums.entities.js';
import { sumToDecrypt, treeOf, uploadDigests } from './sum-context.js';
import { SumTransitions } from './sum-transitions.js';

/** Shows the decryptors what they are asked to decrypt, and what their spot checks need. */
@Injectable()
export class OpeningsService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(BLOBS) private readonly blobs: BlobStore,
    private readonly jobs: JobsService,
    private readonly transitions: SumTransitions,
  ) {}

  async sumBlock(sumId: string, site: string, index: number): Promise<Buffer> {
    const sum = await this.shown(sumId, site, index);
    return this.show(sum, { key: sumBlockKey(sumId, index), sha256: (await this.sumDigests(sum))[index]! });
  }

  /** Block `index` of the sum and of every committed upload, with Merkle proofs. */
  async opening(sumId: string, site: string, index: number): Promise<Opening> {
    const sum = await this.shown(sumId, site, index);
    const proven = async (digests: readonly string[], key: string) => ({
      block: toBase64(await this.show(sum, { key, sha256: digests[index]! })),
      proof: treeOf(digests)
        .proof(index)
        .map((p) => Buffer.from(p).toString('hex')),
    });
    const provenUpload = async (from: string) => ({
      site: from,
      ...(await proven(await uploadDigests(this.database.manager, sum, from), uploadBlockKey(sumId, from, index))),
    });
    // All are awaited together: a rejection that nobody waits for would end the process.
    const [ofSum, uploads] = await Promise.all([
      this.sumDigests(sum).then((digests) => proven(digests, sumBlockKey(sumId, index))),
      Promise.all(sum.uploads!.map(({ site: from }) => provenUpload(from))),
    ]);
    return { index, sum: ofSum, uploads };
  }

  /** What cannot be shown to its decryptors is never decrypted: a damaged sum ends now, not at its deadline. */
  private async show(sum: SumRow, ref: BlobRef): Promise<Buffer> {
    return this.blobs.get(ref).catch(async (error: unknown) => {
      if (error instanceof CodedError) {
        await this.database.transaction((tx) =>
          this.transitions.transition(tx, sum.id, 'failed', becauseOf(failureOf(error))),
        );
        const runId = await runOf(this.database.manager, sum.roundId);
        await this.jobs.wake(runId, `damaged-${sum.id}`);
      }
      throw error;
    });
  }

  private async sumDigests(sum: SumRow): Promise<string[]> {
    const rows = await this.database.manager.find(SumBlockRow, { where: { sumId: sum.id }, order: { index: 'ASC' } });
    return rows.map((r) => r.sha256);
  }

  /** Blocks are shown to those whose shares the sum waits for, and to nobody after: ended rounds are cleared of them. */
  private async shown(sumId: string, site: string, index: number): Promise<SumRow> {
    const { sum } = await sumToDecrypt(this.database.manager, sumId, site);
    if (sum.state !== 'decrypting') throw new CodedError('STEP_OUT_OF_ORDER');
    if (index < 0 || index >= sum.blocks) throw new CodedError('REQUEST_INVALID', 'block index out of range');
    return sum;
  }
}
