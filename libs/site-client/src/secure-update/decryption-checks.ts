import { createHash } from 'node:crypto';
import {
  CodedError,
  uploadStatement,
  type AggregationCommitment,
  type Envelope,
  type Opening,
  type RosterEntry,
} from '@koinon/contracts';
import { MerkleTree, type BlockToCheck, type KeyEpochHeader } from '@koinon/he';
import { fromBase64, verifyStatement } from '@koinon/signing';
import type { UploadRecord } from './key-epoch-store.js';

/** What a site holds a commitment against: the sum that it was asked about, and what it did itself. */
export interface OwnPart {
  readonly site: string;
  readonly header: KeyEpochHeader;
  readonly sumId: string;
  /** Null when this site encrypted nothing for the sum. */
  readonly upload: UploadRecord | null;
}

/**
 * Everything that can be refused without spending the one share: distinct uploads, enough of them, this site's own unchanged.
 * @throws CodedError SHARE_REFUSED
 */
export function checkCommitment(commitment: AggregationCommitment, { site, header, sumId, upload }: OwnPart): void {
  const sites = new Set(commitment.uploads.map((listed) => listed.site));
  if (commitment.sumId !== sumId || commitment.keyEpochId !== header.keyEpochId)
    throw refused('the commitment is about another sum');
  if (sites.size !== commitment.uploads.length) throw refused('a site is in the list twice');
  if (sites.size < header.minUploads) throw refused('fewer uploads than the key epoch allows to decrypt');
  if (!commitment.decryptors.includes(site)) throw refused('this site is not one of the decryptors');
  const listed = commitment.uploads.find((one) => one.site === site);
  if (!upload || listed?.root !== upload.root) throw refused('this site’s upload is missing from the list or changed');
  // The scheme decrypts by index: under another one the share would belong to another sum.
  if (upload.sumIndex !== commitment.sumIndex || upload.blocks !== commitment.blocks)
    throw refused('the commitment gives this sum another index or length');
}

/**
 * Behind every line of the commitment is a statement of that site's own: the coordinator can list no upload that nobody made.
 * @throws CodedError SHARE_REFUSED
 */
export async function checkUploads(
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
    if (!signed) throw refused(`no signed upload of ${site} is what the commitment lists`);
  }
}

/** The whole sum, against its root. @throws CodedError SHARE_REFUSED */
export function checkSum({ sumRoot }: AggregationCommitment, blocks: readonly Uint8Array[]): void {
  const leaves = blocks.map((block) => createHash('sha256').update(block).digest());
  if (Buffer.from(MerkleTree.from(leaves).root).toString('hex') !== sumRoot)
    throw refused('the sum is not the committed one');
}

/** A block of the sum and of every upload in it, each with its proof, as the spot check takes them. @throws CodedError SHARE_REFUSED */
export function blockToCheck(commitment: AggregationCommitment, opening: Opening, index: number): BlockToCheck {
  const proven = (root: string, { block, proof }: { block: string; proof: string[] }) => ({
    root: Buffer.from(root, 'hex'),
    block: fromBase64(block),
    proof: proof.map((p) => Buffer.from(p, 'hex')),
  });
  const uploads = commitment.uploads.map(({ site, root }) => {
    const upload = opening.uploads.find((u) => u.site === site);
    if (!upload) throw refused(`the upload of ${site} is withheld`);
    return [site, proven(root, upload)] as const;
  });
  return { index, size: commitment.blocks, sum: proven(commitment.sumRoot, opening.sum), uploads: new Map(uploads) };
}

const refused = (why: string): CodedError => new CodedError('SHARE_REFUSED', why);
