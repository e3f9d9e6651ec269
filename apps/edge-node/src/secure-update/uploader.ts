import { createHash } from 'node:crypto';
import { PROTOCOL, signStatement, uploadStatement } from '@koinon/contracts';
import { MerkleTree } from '@koinon/he';
import type { CoordinatorLink } from '../link/coordinator-link.js';
import type { SiteKeys } from '../link/site-keys.js';
import type { EpochStore } from './epoch-store.js';
import type { UploadStore } from './upload-store.js';

const digest = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Encrypts a vector once, stores the ciphertext, and sends it until the coordinator has all of it. */
export class Uploader {
  constructor(
    private readonly site: string,
    private readonly keys: SiteKeys,
    private readonly link: CoordinatorLink,
    private readonly epochs: EpochStore,
    private readonly store: UploadStore,
  ) {}

  /** True when the upload was stored before: nothing must be computed from records for it again. */
  has(sumId: string): boolean {
    return this.store.load(sumId) !== null;
  }

  /** @param values below 2^bits each */
  async encrypt(epochId: string, sumId: string, sumIndex: number, values: Uint32Array): Promise<void> {
    const { epoch } = await this.epochs.restore(epochId);
    using open = epoch;
    this.store.save(sumId, open.encrypt(sumIndex, values));
  }

  /** Resumable: blocks the coordinator has are not sent again. */
  async send(sumId: string): Promise<void> {
    const blocks = this.store.load(sumId)!;
    const leaves = blocks.map(digest);
    const there = new Map((await this.link.blocks(sumId)).map(({ index, sha256 }) => [index, sha256]));
    for (const [index, block] of blocks.entries()) {
      if (there.get(index) !== leaves[index]!.toString('hex')) await this.link.putBlock(sumId, index, block);
    }
    const root = Buffer.from(MerkleTree.from(leaves).root).toString('hex');
    const statement = { protocol: PROTOCOL, sumId, site: this.site, blocks: blocks.length, root };
    await this.link.commitUpload(sumId, await signStatement(uploadStatement.type, statement, this.keys.signer));
    this.store.keepOnly([sumId]);
  }

  /** Merkle root of what this site sent, to be found unchanged in the closing. */
  ownRoot(sumId: string): string | null {
    const blocks = this.store.load(sumId);
    return blocks && Buffer.from(MerkleTree.from(blocks.map(digest)).root).toString('hex');
  }
}
