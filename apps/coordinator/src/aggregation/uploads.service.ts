import type { Readable } from 'node:stream';
import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import {
  CodedError, openStatement, sha256Hex, shareStatement, toBase64, uploadStatement, type Envelope, type Opening, fromBase64,
} from '@koinon/contracts';
import { MerkleTree, sumScheme, type BlockLayout } from '@koinon/he';
import type { DataSource, EntityManager } from 'typeorm';
import { BLOBS, type BlobStore } from '../blobs/blob-store.js';
import { EpochRow, RoundRow, ShareRow, SumRow, UploadBlockRow, UploadRow } from '../database/entities.js';
import { EventsService } from '../events/events.service.js';
import { JobsService } from '../jobs/jobs.service.js';
import { shareKey, sumBlockKey, uploadBlockKey } from './keys.js';

interface SumContext {
  readonly sum: SumRow;
  readonly epoch: EpochRow;
  readonly layout: BlockLayout;
}

/** Takes blocks, commits and shares from sites, and shows them what a spot check needs. */
@Injectable()
export class UploadsService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(BLOBS) private readonly blobs: BlobStore,
    private readonly events: EventsService,
    private readonly jobs: JobsService,
  ) {}

  /** Stores one block. Blocks may be sent again until the upload is committed, never after. */
  async putBlock(sumId: string, site: string, index: number, body: Readable, sha256: string): Promise<void> {
    const { sum, layout } = await this.context(sumId, site);
    if (index < 0 || index >= sum.blocks) throw new CodedError('REQUEST_INVALID', 'block index out of range');
    if (await this.database.manager.existsBy(UploadRow, { sumId, site })) return this.unchanged(sumId, site, index, sha256);
    if (sum.state !== 'collecting') throw new CodedError('ROUND_DEADLINE_PASSED');
    const size = layout.uploadBlockBytes;
    await this.blobs.receive(uploadBlockKey(sumId, site, index), body, { sha256, maxBytes: size, minBytes: size });
    await this.database.transaction(async (m) => {
      // The body took its time: the upload may have been committed or the sum closed meanwhile.
      const { state } = await m.findOneOrFail(SumRow, { where: { id: sumId }, lock: { mode: 'pessimistic_read' } });
      if (state !== 'collecting') throw new CodedError('ROUND_DEADLINE_PASSED');
      if (await m.existsBy(UploadRow, { sumId, site })) throw new CodedError('MESSAGE_CONFLICT');
      await m.upsert(UploadBlockRow, { sumId, site, index, sha256 }, ['sumId', 'site', 'index']);
    });
  }

  /** Digests of the blocks already here, so that an interrupted upload goes on. */
  async blocks(sumId: string, site: string): Promise<{ index: number; sha256: string }[]> {
    await this.context(sumId, site);
    const rows = await this.database.manager.find(UploadBlockRow, { where: { sumId, site }, order: { index: 'ASC' } });
    return rows.map(({ index, sha256 }) => ({ index, sha256 }));
  }

  async commit(sumId: string, site: string, envelope: Envelope): Promise<void> {
    const { sum, epoch, layout } = await this.context(sumId, site);
    const statement = await openStatement(envelope, uploadStatement.type, uploadStatement.schema, identityOf(epoch, site));
    if (statement.site !== site || statement.sumId !== sumId || statement.blocks !== sum.blocks) throw new CodedError('SIGNATURE_INVALID');
    const { runId } = await this.database.manager.findOneByOrFail(RoundRow, { id: sum.roundId });
    await this.database.transaction(async (m) => {
      // The lock orders this commit against the driver's closing: an upload is in the list or it is late.
      const locked = await m.findOneOrFail(SumRow, { where: { id: sumId }, lock: { mode: 'pessimistic_write' } });
      const stored = await m.findOneBy(UploadRow, { sumId, site });
      if (stored && stored.root !== statement.root) throw new CodedError('MESSAGE_CONFLICT');
      if (stored) return;
      if (locked.state !== 'collecting') throw new CodedError('ROUND_DEADLINE_PASSED');
      const tree = await this.tree(m, sumId, site, sum.blocks);
      if (Buffer.from(tree.root).toString('hex') !== statement.root) throw new CodedError('UPLOAD_ROOT_MISMATCH');
      await m.insert(UploadRow, { sumId, site, root: statement.root, bytes: sum.blocks * layout.uploadBlockBytes, statement: envelope });
      await this.events.publish(m, 'round', sum.roundId, runId);
    });
    await this.jobs.enqueue({ name: 'run.advance', data: { runId }, id: `advance-upload-${sumId}-${site}` });
  }

  async sumBlock(sumId: string, site: string, index: number): Promise<Buffer> {
    await this.opened(sumId, site);
    return this.blobs.get(sumBlockKey(sumId, index));
  }

  /** Block `index` of the sum and of every committed upload, with Merkle proofs. */
  async opening(sumId: string, site: string, index: number): Promise<Opening> {
    const { sum } = await this.opened(sumId, site);
    if (index < 0 || index >= sum.blocks) throw new CodedError('REQUEST_INVALID', 'block index out of range');
    const hex = (proof: Uint8Array[]) => proof.map((p) => Buffer.from(p).toString('hex'));
    const sumLeaves: Uint8Array[] = [];
    for (let i = 0; i < sum.blocks; i++) sumLeaves.push(createHash('sha256').update(await this.blobs.get(sumBlockKey(sumId, i))).digest());
    const uploads = sum.uploads!.map(async (upload) => ({
      site: upload.site,
      block: toBase64(await this.blobs.get(uploadBlockKey(sumId, upload.site, index))),
      proof: hex((await this.tree(this.database.manager, sumId, upload.site, sum.blocks)).proof(index)),
    }));
    return {
      index,
      sum: { block: toBase64(await this.blobs.get(sumBlockKey(sumId, index))), proof: hex(MerkleTree.from(sumLeaves).proof(index)) },
      uploads: await Promise.all(uploads),
    };
  }

  /** Takes a site's one share: the bytes first, then the signed statement about them. */
  async putShareBytes(sumId: string, site: string, body: Readable, sha256: string): Promise<void> {
    const { sum, layout } = await this.opened(sumId, site);
    const expected = layout.shareBytes(sum.blocks);
    if (await this.database.manager.existsBy(ShareRow, { sumId, site })) return;
    await this.blobs.receive(shareKey(sumId, site), body, { sha256, maxBytes: expected, minBytes: expected });
  }

  async commitShare(sumId: string, site: string, envelope: Envelope): Promise<void> {
    const { sum, epoch } = await this.opened(sumId, site);
    const statement = await openStatement(envelope, shareStatement.type, shareStatement.schema, identityOf(epoch, site));
    const closingSha256 = await sha256Hex(fromBase64(sum.closing!.payload));
    if (statement.site !== site || statement.sumId !== sumId || statement.closingSha256 !== closingSha256) throw new CodedError('SIGNATURE_INVALID');
    const stored = createHash('sha256').update(await this.blobs.get(shareKey(sumId, site))).digest('hex');
    if (stored !== statement.shareSha256) throw new CodedError('BLOCK_DIGEST_MISMATCH');
    const { runId } = await this.database.manager.findOneByOrFail(RoundRow, { id: sum.roundId });
    await this.database.transaction(async (m) => {
      // The lock orders two posts of one site, and a post against the end of the sum.
      const { state } = await m.findOneOrFail(SumRow, { where: { id: sumId }, lock: { mode: 'pessimistic_write' } });
      const earlier = await m.findOneBy(ShareRow, { sumId, site });
      if (earlier && earlier.sha256 !== stored) throw new CodedError('MESSAGE_CONFLICT');
      if (earlier) return;
      if (state !== 'decrypting') throw new CodedError('ROUND_DEADLINE_PASSED');
      await m.insert(ShareRow, { sumId, site, sha256: stored, statement: envelope });
      await this.events.publish(m, 'round', sum.roundId, runId);
    });
    await this.jobs.enqueue({ name: 'run.advance', data: { runId }, id: `advance-share-${sumId}-${site}` });
  }

  private async unchanged(sumId: string, site: string, index: number, sha256: string): Promise<void> {
    const row = await this.database.manager.findOneBy(UploadBlockRow, { sumId, site, index });
    if (row?.sha256 !== sha256) throw new CodedError('MESSAGE_CONFLICT');
  }

  private async tree(m: EntityManager, sumId: string, site: string, blocks: number): Promise<MerkleTree> {
    const rows = await m.find(UploadBlockRow, { where: { sumId, site }, order: { index: 'ASC' } });
    if (rows.length !== blocks) throw new CodedError('UPLOAD_INCOMPLETE');
    return MerkleTree.from(rows.map((r) => Buffer.from(r.sha256, 'hex')));
  }

  private async context(sumId: string, site: string): Promise<SumContext> {
    const sum = await this.database.manager.findOneBy(SumRow, { id: sumId });
    if (!sum?.cohort.includes(site)) throw new CodedError('NOT_FOUND');
    const epoch = await this.database.manager.findOneByOrFail(EpochRow, { id: sum.epochId });
    return { sum, epoch, layout: (await sumScheme(epoch.header.scheme)).layout(epoch.header) };
  }

  /** Only the active set may look, and only once the sum is committed. */
  private async opened(sumId: string, site: string): Promise<SumContext> {
    const context = await this.context(sumId, site);
    if (!context.sum.closing) throw new CodedError('STEP_OUT_OF_ORDER');
    if (!context.sum.activeSet!.includes(site)) throw new CodedError('FORBIDDEN', 'this site is not in the active set');
    return context;
  }
}

const identityOf = (epoch: EpochRow, site: string): string => epoch.roster.find((r) => r.site === site)!.identityKey;
