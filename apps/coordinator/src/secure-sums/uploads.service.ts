import type { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, uploadStatement, type Envelope } from '@koinon/contracts';
import { verifyStatement } from '@koinon/signing';
import type { DataSource, EntityManager } from 'typeorm';
import { BLOBS, type Admit, type BlobStore } from '../platform/blobs/blob-store.js';
import { runOf } from '../platform/database/run-lock.js';
import { EventsService } from '../platform/events/events.service.js';
import { JobsService } from '../platform/jobs/jobs.service.js';
import { uploadBlockKey } from './blob-keys.js';
import { SumRefusalRow, SumRow, UploadBlockRow, UploadRow } from './secure-sums.entities.js';
import { sumFor, treeOf, uploadDigests } from './sum-context.js';

/** Takes uploads, block by block and then as a whole. */
@Injectable()
export class UploadsService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(BLOBS) private readonly blobs: BlobStore,
    private readonly events: EventsService,
    private readonly jobs: JobsService,
  ) {}

  /** Stores one block. Blocks may be sent again until the upload is finished, never after. */
  async putBlock(sumId: string, site: string, index: number, body: Readable, sha256: string): Promise<void> {
    const { sum, layout } = await sumFor(this.database.manager, sumId, site);
    if (index < 0 || index >= sum.blocks) throw new CodedError('REQUEST_INVALID', 'block index out of range');
    if (await this.database.manager.existsBy(UploadRow, { sumId, site }))
      return this.unchanged(sumId, site, index, sha256);
    if (sum.state !== 'collecting') throw new CodedError('ROUND_DEADLINE_PASSED');
    const size = layout.uploadBlockBytes;
    const admit: Admit = (keep) =>
      this.database.transaction(async (m) => {
        // The body took its time: the upload may have been finished or the uploads frozen meanwhile.
        const { state } = await m.findOneOrFail(SumRow, { where: { id: sumId }, lock: { mode: 'pessimistic_read' } });
        if (state !== 'collecting') throw new CodedError('ROUND_DEADLINE_PASSED');
        if (await m.existsBy(UploadRow, { sumId, site })) throw new CodedError('MESSAGE_CONFLICT');
        await m.upsert(UploadBlockRow, { sumId, site, index, sha256 }, ['sumId', 'site', 'index']);
        await keep();
      });
    await this.blobs.receive(
      uploadBlockKey(sumId, site, index),
      body,
      { sha256, maxBytes: size, minBytes: size },
      admit,
    );
  }

  /** Digests of the blocks already here, so that an interrupted upload goes on. */
  async blocks(sumId: string, site: string): Promise<{ index: number; sha256: string }[]> {
    await sumFor(this.database.manager, sumId, site);
    const rows = await this.database.manager.find(UploadBlockRow, { where: { sumId, site }, order: { index: 'ASC' } });
    return rows.map(({ index, sha256 }) => ({ index, sha256 }));
  }

  async finish(sumId: string, site: string, envelope: Envelope): Promise<void> {
    const { sum, identityKey, layout } = await sumFor(this.database.manager, sumId, site);
    const statement = await verifyStatement(envelope, uploadStatement.type, uploadStatement.schema, identityKey);
    if (statement.site !== site || statement.sumId !== sumId || statement.blocks !== sum.blocks)
      throw new CodedError('SIGNATURE_INVALID');
    const runId = await runOf(this.database.manager, sum.roundId);
    const completes = await this.database.transaction(async (m) => {
      // The lock orders this against the driver that freezes the uploads: an upload is in the list or it is late.
      const locked = await m.findOneOrFail(SumRow, { where: { id: sumId }, lock: { mode: 'pessimistic_write' } });
      const stored = await m.findOneBy(UploadRow, { sumId, site });
      if (stored && stored.root !== statement.root) throw new CodedError('MESSAGE_CONFLICT');
      if (stored) return this.nobodyIsAwaited(m, locked);
      if (locked.state !== 'collecting') throw new CodedError('ROUND_DEADLINE_PASSED');
      const tree = treeOf(await uploadDigests(m, sum, site));
      if (Buffer.from(tree.root).toString('hex') !== statement.root) throw new CodedError('UPLOAD_ROOT_MISMATCH');
      await m.insert(UploadRow, {
        sumId,
        site,
        root: statement.root,
        bytes: sum.blocks * layout.uploadBlockBytes,
        statement: envelope,
      });
      await this.events.publish(m, 'round', sum.roundId, runId);
      return this.nobodyIsAwaited(m, locked);
    });
    if (completes) await this.jobs.wake(runId, `uploads-${sumId}`);
  }

  /** Then the sum moves on; a site that refuses wakes the driver itself. */
  private async nobodyIsAwaited(m: EntityManager, { id, cohort }: SumRow): Promise<boolean> {
    const uploads = await m.find(UploadRow, { where: { sumId: id }, select: { site: true } });
    const refusals = await m.find(SumRefusalRow, { where: { sumId: id }, select: { site: true } });
    return cohort.every((site) => [...uploads, ...refusals].some((answer) => answer.site === site));
  }

  private async unchanged(sumId: string, site: string, index: number, sha256: string): Promise<void> {
    const row = await this.database.manager.findOneBy(UploadBlockRow, { sumId, site, index });
    if (row?.sha256 !== sha256) throw new CodedError('MESSAGE_CONFLICT');
  }
}
