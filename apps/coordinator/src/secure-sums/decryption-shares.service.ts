import type { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, decryptionShareStatement, type Envelope } from '@koinon/contracts';
import { fromBase64, sha256Hex, verifyStatement } from '@koinon/signing';
import type { DataSource } from 'typeorm';
import { BLOBS, type Admit, type BlobStore } from '../platform/blobs/blob-store.js';
import { runOf } from '../platform/database/run-lock.js';
import { EventsService } from '../platform/events/events.service.js';
import { JobsService } from '../platform/jobs/jobs.service.js';
import { decryptionShareKey } from './blob-keys.js';
import { DecryptionShareRow, SumRow } from './secure-sums.entities.js';
import { sumToDecrypt } from './sum-context.js';

/** Takes one decryption share of each decryptor. */
@Injectable()
export class DecryptionSharesService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(BLOBS) private readonly blobs: BlobStore,
    private readonly events: EventsService,
    private readonly jobs: JobsService,
  ) {}

  /** Takes a site's one share: the bytes first, then the signed statement about them. */
  async put(sumId: string, site: string, body: Readable, sha256: string): Promise<void> {
    const { sum, layout } = await sumToDecrypt(this.database.manager, sumId, site);
    const expected = layout.decryptionShareBytes(sum.blocks);
    if (await this.database.manager.existsBy(DecryptionShareRow, { sumId, site })) return;
    if (sum.state !== 'decrypting') throw new CodedError('ROUND_DEADLINE_PASSED');
    const admit: Admit = (keep) =>
      this.database.transaction(async (m) => {
        const { state } = await m.findOneOrFail(SumRow, { where: { id: sumId }, lock: { mode: 'pessimistic_read' } });
        if (await m.existsBy(DecryptionShareRow, { sumId, site })) throw new CodedError('MESSAGE_CONFLICT');
        if (state !== 'decrypting') throw new CodedError('ROUND_DEADLINE_PASSED');
        await keep();
      });
    await this.blobs.receive(
      decryptionShareKey(sumId, site),
      body,
      { sha256, maxBytes: expected, minBytes: expected },
      admit,
    );
  }

  async finish(sumId: string, site: string, envelope: Envelope): Promise<void> {
    const { sum, identityKey } = await sumToDecrypt(this.database.manager, sumId, site);
    const statement = await verifyStatement(
      envelope,
      decryptionShareStatement.type,
      decryptionShareStatement.schema,
      identityKey,
    );
    const commitmentSha256 = await sha256Hex(fromBase64(sum.commitment!.payload));
    if (statement.site !== site || statement.sumId !== sumId || statement.commitmentSha256 !== commitmentSha256)
      throw new CodedError('SIGNATURE_INVALID');
    const sha256 = statement.shareSha256;
    const runId = await runOf(this.database.manager, sum.roundId);
    const completes = await this.database.transaction(async (m) => {
      // The lock orders two posts of one site, and a post against other bytes on their way and the end of the sum.
      const { state, decryptors } = await m.findOneOrFail(SumRow, {
        where: { id: sumId },
        lock: { mode: 'pessimistic_write' },
      });
      const earlier = await m.findOneBy(DecryptionShareRow, { sumId, site });
      if (earlier && earlier.sha256 !== sha256) throw new CodedError('MESSAGE_CONFLICT');
      const isComplete = async () => (await m.countBy(DecryptionShareRow, { sumId })) === decryptors!.length;
      if (earlier) return isComplete();
      if (state !== 'decrypting') throw new CodedError('ROUND_DEADLINE_PASSED');
      if ((await this.blobs.digest(decryptionShareKey(sumId, site))) !== sha256)
        throw new CodedError('BLOCK_DIGEST_MISMATCH');
      await m.insert(DecryptionShareRow, { sumId, site, sha256, statement: envelope });
      await this.events.publish(m, 'round', sum.roundId, runId);
      return isComplete();
    });
    if (completes) await this.jobs.wake(runId, `shares-${sumId}`);
  }
}
