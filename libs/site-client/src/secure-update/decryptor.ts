import { createHash, randomBytes } from 'node:crypto';
import {
  PROTOCOL,
  aggregationCommitmentStatement,
  decryptionShareStatement,
  type AggregationCommitment,
  type AssignmentOf,
} from '@koinon/contracts';
import { fromBase64, verifyStatement, signStatement } from '@koinon/signing';
import { chooseBlocks, schemes, spotCheck, type KeyEpochHeader } from '@koinon/he';
import type { CoordinatorLink } from '../link/coordinator-link.js';
import type { SiteKeys } from '../link/site-keys.js';
import { blockToCheck, checkCommitment, checkSum, checkUploads } from './decryption-checks.js';
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
    const { header, roster } = this.epochs.ceremony(keyEpochId);
    checkCommitment(commitment, { site: this.site, header, sumId, upload: this.epochs.upload(keyEpochId, sumId) });
    await checkUploads(commitment, uploads, roster);
    const checked = await this.checkBlocks(commitment, header);
    const blocks = await this.sumBlocks(commitment);
    const payload = fromBase64(envelope.payload);
    const share = await this.epochs.inTurn(keyEpochId, async () => {
      const { epoch } = await this.epochs.restore(keyEpochId);
      using keyEpoch = epoch;
      return this.shares.once(sumId, payload, () => {
        const made = keyEpoch.decryptionShare({
          sumIndex: commitment.sumIndex,
          uploaders: commitment.uploads.map((u) => u.site),
          decryptors: commitment.decryptors,
          blocks,
        });
        this.epochs.madeDecryptionShare(keyEpochId, keyEpoch);
        return made;
      });
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
    checkSum(commitment, blocks);
    return blocks;
  }
}
