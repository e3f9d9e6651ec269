import { createHash } from 'node:crypto';
import { CodedError, PROTOCOL, uploadStatement } from '@koinon/contracts';
import { signStatement } from '@koinon/signing';
import { HeError, MerkleTree } from '@koinon/he';
import type { ChargedRound } from '@koinon/secure-tasks';
import type { CoordinatorLink } from '../link/coordinator-link.js';
import type { SiteKeys } from '../link/site-keys.js';
import type { KeyEpochStore, UploadRecord } from './key-epoch-store.js';
import type { UploadStore } from './upload-store.js';

const rootOf = (digests: readonly Uint8Array[]): string => Buffer.from(MerkleTree.from(digests).root).toString('hex');

/** Encrypts a vector once, stores the ciphertext, and sends it until the coordinator has all of it. */
export class Uploader {
  /** Sums encrypted in this process whose sending was never begun: the coordinator has none of their blocks. */
  private readonly unsent = new Set<string>();

  constructor(
    private readonly site: string,
    private readonly keys: Pick<SiteKeys, 'signer'>,
    private readonly link: Pick<CoordinatorLink, 'blocks' | 'putBlock' | 'finishUpload'>,
    private readonly epochs: KeyEpochStore,
    private readonly store: UploadStore,
  ) {}

  /** What this site encrypted for a sum; then nothing must be computed from records for it again. */
  made(keyEpochId: string, sumId: string): UploadRecord | null {
    return this.epochs.upload(keyEpochId, sumId);
  }

  /** Before anything is computed for a sum. @throws HeError SUM_INDEX_INVALID, SUM_ALREADY_ENCRYPTED as `encrypt` would */
  checkFree(keyEpochId: string, sumIndex: number): void {
    const { header, uploads } = this.epochs.ceremony(keyEpochId);
    if (sumIndex >= header.sums)
      throw new HeError('SUM_INDEX_INVALID', `this key epoch serves sums 0 to ${header.sums - 1}; begin a new one`);
    if (uploads.some((upload) => upload.sumIndex === sumIndex))
      throw new HeError('SUM_ALREADY_ENCRYPTED', 'this site has encrypted for another sum of this index');
  }

  /**
   * The blocks are on disk before the record that names them, and the record before a byte is sent: a crash on the way
   * leaves blocks nobody has seen, which are made again.
   * @param values below 2^bits each
   * @param answers the charged round whose result they hang on
   * @throws HeError SUM_ALREADY_ENCRYPTED when another sum was given this index
   */
  async encrypt(
    keyEpochId: string,
    sumId: string,
    sumIndex: number,
    values: Uint32Array,
    answers: ChargedRound | null = null,
  ): Promise<void> {
    await this.epochs.inTurn(keyEpochId, async () => {
      const { epoch } = await this.epochs.restore(keyEpochId);
      using open = epoch;
      await this.store.save(sumId, open.encrypt(sumIndex, values), (digests) =>
        this.epochs.encrypted(keyEpochId, open, {
          sumId,
          sumIndex,
          blocks: digests.length,
          root: rootOf(digests),
          ...(answers ? { answers } : {}),
        }),
      );
    });
    this.store.keepOnly(this.epochs.sumIds());
    this.unsent.add(sumId);
  }

  /** Resumable: blocks the coordinator has are not sent again. @throws CodedError SITE_STATE_LOST */
  async send(keyEpochId: string, sumId: string): Promise<void> {
    const upload = this.made(keyEpochId, sumId);
    if (!upload) throw new CodedError('SITE_STATE_LOST');
    const blocks = this.store.load(sumId, upload.blocks);
    const digests = blocks.map((block) => createHash('sha256').update(block).digest());
    if (rootOf(digests) !== upload.root) throw new CodedError('SITE_STATE_LOST', 'the stored upload is damaged');
    const isNew = this.unsent.delete(sumId);
    const there = new Map(isNew ? [] : (await this.link.blocks(sumId)).map(({ index, sha256 }) => [index, sha256]));
    for (const [index, block] of blocks.entries()) {
      if (there.get(index) !== digests[index]!.toString('hex')) await this.link.putBlock(sumId, index, block);
    }
    const statement = { protocol: PROTOCOL, sumId, site: this.site, blocks: upload.blocks, root: upload.root };
    await this.link.finishUpload(sumId, await signStatement(uploadStatement.type, statement, this.keys.signer));
  }
}
