import { CodedError } from '@koinon/contracts';
import { MerkleTree, schemes, type BlockLayout } from '@koinon/he';
import type { EntityManager } from 'typeorm';
import { KeyEpochRow } from '../key-epochs/key-epochs.entities.js';
import { SumRow, UploadBlockRow } from './secure-sums.entities.js';

/** A sum as a site of its cohort sees it. */
export interface SumContext {
  readonly sum: SumRow;
  readonly layout: BlockLayout;
  /** The key that the site signs with in this epoch. */
  readonly identityKey: string;
}

/** @throws CodedError NOT_FOUND for everybody who is not in the cohort */
export async function sumFor(m: EntityManager, sumId: string, site: string): Promise<SumContext> {
  const sum = await m.findOneBy(SumRow, { id: sumId });
  if (!sum?.cohort.includes(site)) throw new CodedError('NOT_FOUND');
  const { header, roster } = await m.findOneByOrFail(KeyEpochRow, { id: sum.keyEpochId });
  const { identityKey } = roster.find((entry) => entry.site === site)!;
  return { sum, identityKey, layout: schemes.named(header.scheme).layout(header) };
}

/** Only the decryptors may look, and only once they are asked. @throws CodedError STEP_OUT_OF_ORDER, FORBIDDEN */
export async function sumToDecrypt(m: EntityManager, sumId: string, site: string): Promise<SumContext> {
  const context = await sumFor(m, sumId, site);
  if (!context.sum.commitment) throw new CodedError('STEP_OUT_OF_ORDER');
  if (!context.sum.decryptors!.includes(site))
    throw new CodedError('FORBIDDEN', 'this site is not one of the decryptors');
  return context;
}

/** Of every block of an upload, in order. @throws CodedError UPLOAD_INCOMPLETE */
export async function uploadDigests(m: EntityManager, { id: sumId, blocks }: SumRow, site: string): Promise<string[]> {
  const rows = await m.find(UploadBlockRow, { where: { sumId, site }, order: { index: 'ASC' } });
  if (rows.length !== blocks) throw new CodedError('UPLOAD_INCOMPLETE');
  return rows.map((row) => row.sha256);
}

export const treeOf = (digests: readonly string[]): MerkleTree =>
  MerkleTree.from(digests.map((sha256) => Buffer.from(sha256, 'hex')));
