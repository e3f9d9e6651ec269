import { createHash } from 'node:crypto';
import { HeError } from './errors.js';
import { MerkleTree } from './merkle-tree.js';
import type { Aggregator, KeyEpochHeader } from './scheme.js';
import { equal } from './wire.js';

/** One block with the proof that it is block `index` under a committed root. */
export interface ProvenBlock {
  /** Merkle root the block is checked against: the upload's, or the sum's. */
  readonly root: Uint8Array;
  readonly block: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

export interface BlockToCheck {
  readonly index: number;
  /** Blocks of the sum. */
  readonly size: number;
  readonly sum: ProvenBlock;
  /** The block of every upload in the signed list, by site. */
  readonly uploads: ReadonlyMap<string, ProvenBlock>;
}

/**
 * Adds the committed uploads' blocks again and compares with the committed sum's.
 * @throws HeError SPOT_CHECK_FAILED, with the site whose block does not belong to its commitment
 */
export function spotCheck(aggregator: Aggregator, header: KeyEpochHeader, check: BlockToCheck): void {
  const adder = aggregator.adder(header);
  for (const [site, upload] of check.uploads) {
    if (!belongs(upload, check))
      throw new HeError('SPOT_CHECK_FAILED', 'a block is not in the upload its site committed to', site);
    adder.add(upload.block);
  }
  if (!belongs(check.sum, check) || !equal(adder.finish(), check.sum.block)) {
    throw new HeError(
      'SPOT_CHECK_FAILED',
      'a block of the sum is not the sum of the committed uploads: do not decrypt it',
    );
  }
}

/** `count` distinct block indices, uniform; in ascending order. */
export function chooseBlocks(blocks: number, count: number, randomBytes: (length: number) => Uint8Array): number[] {
  const chosen = new Set<number>();
  const limit = 2 ** 32 - (2 ** 32 % blocks);
  while (chosen.size < Math.min(count, blocks)) {
    const word = new DataView(new Uint8Array(randomBytes(4)).buffer).getUint32(0, true);
    if (word < limit) chosen.add(word % blocks);
  }
  return [...chosen].sort((a, b) => a - b);
}

/**
 * Probability that no honest site checks a tampered block, when each checks `checked` of `blocks` blocks at random:
 * (C(blocks - tampered, checked) / C(blocks, checked)) ^ honestCheckers.
 */
export function undetectedProbability(
  blocks: number,
  tampered: number,
  checked: number,
  honestCheckers: number,
): number {
  let missed = 1;
  for (let i = 0; i < Math.min(checked, blocks); i++) missed *= Math.max(0, blocks - tampered - i) / (blocks - i);
  return missed ** honestCheckers;
}

function belongs({ root, block, proof }: ProvenBlock, { size, index }: BlockToCheck): boolean {
  const digest = createHash('sha256').update(block).digest();
  return MerkleTree.verify(root, size, index, digest, proof);
}
