import { createHash, randomBytes } from 'node:crypto';
import {
  CodedError,
  PROTOCOL,
  closingStatement,
  shareStatement,
  uploadStatement,
  type AssignmentOf,
  type ClosingStatement,
  type Envelope,
  type Opening,
  type RosterEntry,
} from '@koinon/contracts';
import { fromBase64, openStatement, signStatement } from '@koinon/signing';
import { MerkleTree, chooseBlocks, schemes, spotCheck, type EpochHeader } from '@koinon/he';
import type { CoordinatorLink } from '../link/coordinator-link.js';
import type { SiteKeys } from '../link/site-keys.js';
import type { EpochStore } from './epoch-store.js';
import type { ShareStore } from './share-store.js';

/** Blocks each site recomputes before it decrypts. */
const SPOT_CHECKS = 8;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Makes this site's decryption share, after it has convinced itself of what it decrypts. */
export class Opener {
  constructor(
    private readonly site: string,
    private readonly keys: Pick<SiteKeys, 'signer'>,
    private readonly coordinatorKey: string,
    private readonly link: Pick<CoordinatorLink, 'opening' | 'sumBlock' | 'putShare' | 'commitShare'>,
    private readonly epochs: EpochStore,
    private readonly shares: ShareStore,
  ) {}

  async take({ epochId, sumId, closing: envelope, uploads }: AssignmentOf<'share'>): Promise<void> {
    const closing = await openStatement(envelope, closingStatement.type, closingStatement.schema, this.coordinatorKey);
    const { header, roster, epoch } = await this.epochs.restore(epochId);
    using open = epoch;
    this.checkClosing(closing, header, epochId, sumId);
    await checkUploads(closing, uploads, roster);
    const checked = await this.checkBlocks(closing, header);
    const blocks = await this.sumBlocks(closing);
    const payload = fromBase64(envelope.payload);
    const share = this.shares.once(sumId, payload, () => {
      const made = open.decryptionShare({
        sumIndex: closing.sumIndex,
        uploaders: closing.uploads.map((u) => u.site),
        decryptors: closing.activeSet,
        blocks,
      });
      this.epochs.shared(epochId, open);
      return made;
    });
    await this.link.putShare(sumId, share);
    const statement = {
      protocol: PROTOCOL,
      sumId,
      site: this.site,
      closingSha256: sha256(payload),
      shareSha256: sha256(share),
      blocksChecked: checked,
    };
    await this.link.commitShare(sumId, await signStatement(shareStatement.type, statement, this.keys.signer));
  }

  /** Everything that can be refused without spending the one share: distinct uploads, enough of them, this site's own unchanged. */
  private checkClosing(closing: ClosingStatement, header: EpochHeader, epochId: string, sumId: string): void {
    const refuse = (why: string): never => {
      throw new CodedError('SHARE_REFUSED', why);
    };
    const sites = new Set(closing.uploads.map((upload) => upload.site));
    if (closing.sumId !== sumId || closing.epochId !== epochId) refuse('the closing is about another sum');
    if (sites.size !== closing.uploads.length) refuse('a site is in the list twice');
    if (sites.size < header.minUploads) refuse('fewer uploads than the epoch allows to open');
    if (!closing.activeSet.includes(this.site)) refuse('this site is not in the active set');
    const own = this.epochs.upload(epochId, sumId);
    const listed = closing.uploads.find((upload) => upload.site === this.site);
    if (!own || listed?.root !== own.root) refuse('this site’s upload is missing from the list or changed');
    // The scheme opens by index: under another one the share would belong to another sum.
    if (own?.sumIndex !== closing.sumIndex || own.blocks !== closing.blocks)
      refuse('the closing gives this sum another index or length');
  }

  /** Recomputes blocks of its own random choice from the committed uploads. */
  private async checkBlocks(closing: ClosingStatement, header: EpochHeader): Promise<number> {
    const aggregator = await schemes.named(header.scheme).aggregator();
    const chosen = chooseBlocks(closing.blocks, SPOT_CHECKS, randomBytes);
    for (const index of chosen) {
      const opening = await this.link.opening(closing.sumId, index);
      spotCheck(aggregator, header, blockToCheck(closing, opening, index));
    }
    return chosen.length;
  }

  /** The whole committed sum, checked against its root. */
  private async sumBlocks(closing: ClosingStatement): Promise<Uint8Array[]> {
    const blocks: Uint8Array[] = [];
    for (let index = 0; index < closing.blocks; index++) blocks.push(await this.link.sumBlock(closing.sumId, index));
    const leaves = blocks.map((block) => createHash('sha256').update(block).digest());
    if (Buffer.from(MerkleTree.from(leaves).root).toString('hex') !== closing.sumRoot)
      throw new CodedError('SHARE_REFUSED', 'the sum is not the committed one');
    return blocks;
  }
}

/** Behind every line of the closing is a statement of that site's own: the coordinator can list no upload that nobody made. */
async function checkUploads(
  closing: ClosingStatement,
  envelopes: readonly Envelope[],
  roster: readonly RosterEntry[],
): Promise<void> {
  for (const { site, root } of closing.uploads) {
    const key = roster.find((entry) => entry.site === site)?.identityKey;
    // The key id of an envelope is not signed, so it is no reason to pass one over.
    const opened =
      key === undefined
        ? []
        : await Promise.all(
            envelopes.map((e) => openStatement(e, uploadStatement.type, uploadStatement.schema, key).catch(() => null)),
          );
    const signed = opened.some(
      (s) => s?.sumId === closing.sumId && s.site === site && s.root === root && s.blocks === closing.blocks,
    );
    if (!signed) throw new CodedError('SHARE_REFUSED', `no signed upload of ${site} is what the closing lists`);
  }
}

function blockToCheck(closing: ClosingStatement, opening: Opening, index: number) {
  const proven = (root: string, { block, proof }: { block: string; proof: string[] }) => ({
    root: Buffer.from(root, 'hex'),
    block: fromBase64(block),
    proof: proof.map((p) => Buffer.from(p, 'hex')),
  });
  const uploads = closing.uploads.map(({ site, root }) => {
    const upload = opening.uploads.find((u) => u.site === site);
    if (!upload) throw new CodedError('SHARE_REFUSED', `the upload of ${site} is withheld`);
    return [site, proven(root, upload)] as const;
  });
  return { index, size: closing.blocks, sum: proven(closing.sumRoot, opening.sum), uploads: new Map(uploads) };
}
