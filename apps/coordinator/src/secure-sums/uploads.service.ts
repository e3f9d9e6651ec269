import type { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, decryptionShareStatement, uploadStatement, type Envelope, type Opening } from '@koinon/contracts';
import { verifyStatement, sha256Hex, toBase64, fromBase64 } from '@koinon/signing';
import { MerkleTree, schemes, type BlockLayout } from '@koinon/he';
import type { DataSource, EntityManager } from 'typeorm';
import { BLOBS, type Admit, type BlobRef, type BlobStore } from '../platform/blobs/blob-store.js';
import { KeyEpochRow } from '../key-epochs/key-epochs.entities.js';
import {
  DecryptionShareRow,
  SumBlockRow,
  SumRefusalRow,
  SumRow,
  UploadBlockRow,
  UploadRow,
} from './secure-sums.entities.js';
import { runOf } from '../platform/database/run-lock.js';
import { becauseOf } from '../platform/database/transition.js';
import { EventsService } from '../platform/events/events.service.js';
import { failureOf } from '../platform/jobs/job-failure.js';
import { JobsService } from '../platform/jobs/jobs.service.js';
import { decryptionShareKey, sumBlockKey, uploadBlockKey } from './blob-keys.js';
import { SumTransitions } from './sum-transitions.js';

interface SumContext {
  readonly sum: SumRow;
  readonly epoch: KeyEpochRow;
  readonly layout: BlockLayout;
}

/** Takes uploads and decryption shares from sites, and shows them what a spot check needs. */
@Injectable()
export class UploadsService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(BLOBS) private readonly blobs: BlobStore,
    private readonly events: EventsService,
    private readonly jobs: JobsService,
    private readonly transitions: SumTransitions,
  ) {}

  /** Stores one block. Blocks may be sent again until the upload is finished, never after. */
  async putBlock(sumId: string, site: string, index: number, body: Readable, sha256: string): Promise<void> {
    const { sum, layout } = await this.context(sumId, site);
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
    await this.context(sumId, site);
    const rows = await this.database.manager.find(UploadBlockRow, { where: { sumId, site }, order: { index: 'ASC' } });
    return rows.map(({ index, sha256 }) => ({ index, sha256 }));
  }

  async finishUpload(sumId: string, site: string, envelope: Envelope): Promise<void> {
    const { sum, epoch, layout } = await this.context(sumId, site);
    const statement = await verifyStatement(
      envelope,
      uploadStatement.type,
      uploadStatement.schema,
      identityOf(epoch, site),
    );
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
      const tree = treeOf(await this.digests(m, sumId, site, sum.blocks));
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
      ...(await proven(
        await this.digests(this.database.manager, sumId, from, sum.blocks),
        uploadBlockKey(sumId, from, index),
      )),
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

  /** Takes a site's one share: the bytes first, then the signed statement about them. */
  async putDecryptionShare(sumId: string, site: string, body: Readable, sha256: string): Promise<void> {
    const { sum, layout } = await this.opened(sumId, site);
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

  async finishDecryptionShare(sumId: string, site: string, envelope: Envelope): Promise<void> {
    const { sum, epoch } = await this.opened(sumId, site);
    const statement = await verifyStatement(
      envelope,
      decryptionShareStatement.type,
      decryptionShareStatement.schema,
      identityOf(epoch, site),
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

  private async digests(m: EntityManager, sumId: string, site: string, blocks: number): Promise<string[]> {
    const rows = await m.find(UploadBlockRow, { where: { sumId, site }, order: { index: 'ASC' } });
    if (rows.length !== blocks) throw new CodedError('UPLOAD_INCOMPLETE');
    return rows.map((r) => r.sha256);
  }

  private async sumDigests(sum: SumRow): Promise<string[]> {
    const rows = await this.database.manager.find(SumBlockRow, { where: { sumId: sum.id }, order: { index: 'ASC' } });
    return rows.map((r) => r.sha256);
  }

  private async context(sumId: string, site: string): Promise<SumContext> {
    const sum = await this.database.manager.findOneBy(SumRow, { id: sumId });
    if (!sum?.cohort.includes(site)) throw new CodedError('NOT_FOUND');
    const epoch = await this.database.manager.findOneByOrFail(KeyEpochRow, { id: sum.keyEpochId });
    return { sum, epoch, layout: schemes.named(epoch.header.scheme).layout(epoch.header) };
  }

  /** Only the decryptors may look, and only once they are asked. */
  private async opened(sumId: string, site: string): Promise<SumContext> {
    const context = await this.context(sumId, site);
    if (!context.sum.commitment) throw new CodedError('STEP_OUT_OF_ORDER');
    if (!context.sum.decryptors!.includes(site))
      throw new CodedError('FORBIDDEN', 'this site is not one of the decryptors');
    return context;
  }

  /** Blocks are shown to those whose shares the sum waits for, and to nobody after: ended rounds are cleared of them. */
  private async shown(sumId: string, site: string, index: number): Promise<SumRow> {
    const { sum } = await this.opened(sumId, site);
    if (sum.state !== 'decrypting') throw new CodedError('STEP_OUT_OF_ORDER');
    if (index < 0 || index >= sum.blocks) throw new CodedError('REQUEST_INVALID', 'block index out of range');
    return sum;
  }
}

const treeOf = (digests: readonly string[]): MerkleTree =>
  MerkleTree.from(digests.map((sha256) => Buffer.from(sha256, 'hex')));

const identityOf = (epoch: KeyEpochRow, site: string): string => epoch.roster.find((r) => r.site === site)!.identityKey;
