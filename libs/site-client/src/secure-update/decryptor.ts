import { createHash, randomBytes } from 'node:crypto';
import {
  CodedError,
  PROTOCOL,
  aggregationCommitmentStatement,
  decryptionShareStatement,
  uploadStatement,
  type AssignmentOf,
  type AggregationCommitment,
  type Envelope,
  type Opening,
  type RosterEntry,
} from '@koinon/contracts';
import { fromBase64, verifyStatement, signStatement } from '@koinon/signing';
import { MerkleTree, chooseBlocks, schemes, spotCheck, type KeyEpochHeader } from '@koinon/he';
import type { CoordinatorLink } from '../link/coordinator-link.js';
import type { SiteKeys } from '../link/site-keys.js';
import type { KeyEpochStore } from './key-epoch-store.js';
import type { DecryptionShareStore } from './decryption-share-store.js';

/** Blocks each site recomputes before it decrypts. */
const SPOT_CHECKS = 8;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Makes this site's decryption share, after it has convinced itself of what it decrypts. */
export class Decryptor {
  constructor(
    private readonly site: string,
    private readonly keys: Pick<SiteKeys, 'signer'>,
    private readonly coordinatorKey: string,
    private readonly link: Pick<
      CoordinatorLink,
      'opening' | 'sumBlock' | 'putDecryptionShare' | 'finishDecryptionShare'
    >,
    private readonly epochs: KeyEpochStore,
    private readonly shares: DecryptionShareStore,
  ) {}

  async take({ keyEpochId, sumId, commitment: envelope, uploads }: AssignmentOf<'decrypt'>): Promise<void> {
    const commitment = await verifyStatement(
      envelope,
      aggregationCommitmentStatement.type,
      aggregationCommitmentStatement.schema,
      this.coordinatorKey,
    );
    const { header, roster, epoch } = await this.epochs.restore(keyEpochId);
    using keyEpoch = epoch;
    this.checkCommitment(commitment, header, keyEpochId, sumId);
    await checkUploads(commitment, uploads, roster);
    const checked = await this.checkBlocks(commitment, header);
    const blocks = await this.sumBlocks(commitment);
    const payload = fromBase64(envelope.payload);
    const share = this.shares.once(sumId, payload, () => {
      const made = keyEpoch.decryptionShare({
        sumIndex: commitment.sumIndex,
        uploaders: commitment.uploads.map((u) => u.site),
        decryptors: commitment.decryptors,
        blocks,
      });
      this.epochs.madeDecryptionShare(keyEpochId, keyEpoch);
      return made;
    });
    await this.link.putDecryptionShare(sumId, share);
    const statement = {
      protocol: PROTOCOL,
      sumId,
      site: this.site,
      commitmentSha256: sha256(payload),
      shareSha256: sha256(share),
      blocksChecked: checked,
    };
    await this.link.finishDecryptionShare(
      sumId,
      await signStatement(decryptionShareStatement.type, statement, this.keys.signer),
    );
  }

  /** Everything that can be refused without spending the one share: distinct uploads, enough of them, this site's own unchanged. */
  private checkCommitment(
    commitment: AggregationCommitment,
    header: KeyEpochHeader,
    keyEpochId: string,
    sumId: string,
  ): void {
    const refuse = (why: string): never => {
      throw new CodedError('SHARE_REFUSED', why);
    };
    const sites = new Set(commitment.uploads.map((upload) => upload.site));
    if (commitment.sumId !== sumId || commitment.keyEpochId !== keyEpochId)
      refuse('the commitment is about another sum');
    if (sites.size !== commitment.uploads.length) refuse('a site is in the list twice');
    if (sites.size < header.minUploads) refuse('fewer uploads than the key epoch allows to decrypt');
    if (!commitment.decryptors.includes(this.site)) refuse('this site is not one of the decryptors');
    const own = this.epochs.upload(keyEpochId, sumId);
    const listed = commitment.uploads.find((upload) => upload.site === this.site);
    if (!own || listed?.root !== own.root) refuse('this site’s upload is missing from the list or changed');
    // The scheme decrypts by index: under another one the share would belong to another sum.
    if (own?.sumIndex !== commitment.sumIndex || own.blocks !== commitment.blocks)
      refuse('the commitment gives this sum another index or length');
  }

  /** Recomputes blocks of its own random choice from the committed uploads. */
  private async checkBlocks(commitment: AggregationCommitment, header: KeyEpochHeader): Promise<number> {
    const aggregator = await schemes.named(header.scheme).aggregator();
    const chosen = chooseBlocks(commitment.blocks, SPOT_CHECKS, randomBytes);
    for (const index of chosen) {
      const opening = await this.link.opening(commitment.sumId, index);
      spotCheck(aggregator, header, blockToCheck(commitment, opening, index));
    }
    return chosen.length;
  }

  /** The whole committed sum, checked against its root. */
  private async sumBlocks(commitment: AggregationCommitment): Promise<Uint8Array[]> {
    const blocks: Uint8Array[] = [];
    for (let index = 0; index < commitment.blocks; index++)
      blocks.push(await this.link.sumBlock(commitment.sumId, index));
    const leaves = blocks.map((block) => createHash('sha256').update(block).digest());
    if (Buffer.from(MerkleTree.from(leaves).root).toString('hex') !== commitment.sumRoot)
      throw new CodedError('SHARE_REFUSED', 'the sum is not the committed one');
    return blocks;
  }
}

/** Behind every line of the commitment is a statement of that site's own: the coordinator can list no upload that nobody made. */
async function checkUploads(
  commitment: AggregationCommitment,
  envelopes: readonly Envelope[],
  roster: readonly RosterEntry[],
): Promise<void> {
  for (const { site, root } of commitment.uploads) {
    const key = roster.find((entry) => entry.site === site)?.identityKey;
    // The key id of an envelope is not signed, so it is no reason to pass one over.
    const opened =
      key === undefined
        ? []
        : await Promise.all(
            envelopes.map((e) =>
              verifyStatement(e, uploadStatement.type, uploadStatement.schema, key).catch(() => null),
            ),
          );
    const signed = opened.some(
      (s) => s?.sumId === commitment.sumId && s.site === site && s.root === root && s.blocks === commitment.blocks,
    );
    if (!signed) throw new CodedError('SHARE_REFUSED', `no signed upload of ${site} is what the commitment lists`);
  }
}

function blockToCheck(commitment: AggregationCommitment, opening: Opening, index: number) {
  const proven = (root: string, { block, proof }: { block: string; proof: string[] }) => ({
    root: Buffer.from(root, 'hex'),
    block: fromBase64(block),
    proof: proof.map((p) => Buffer.from(p, 'hex')),
  });
  const uploads = commitment.uploads.map(({ site, root }) => {
    const upload = opening.uploads.find((u) => u.site === site);
    if (!upload) throw new CodedError('SHARE_REFUSED', `the upload of ${site} is withheld`);
    return [site, proven(root, upload)] as const;
  });
  return { index, size: commitment.blocks, sum: proven(commitment.sumRoot, opening.sum), uploads: new Map(uploads) };
}
