import { createHash } from 'node:crypto';
import { HeError } from './errors.js';
import { equal } from './wire.js';

const HASH_BYTES = 32;

/**
 * Merkle tree over block digests, hashed as RFC 6962 section 2.1: leaves behind 0x00, nodes behind 0x01, the left
 * subtree the largest power of two below the size. A leaf's data is the SHA-256 digest of a block.
 */
export class MerkleTree {
  /** levels[0] are the leaf hashes; an odd last hash moves up unchanged, which gives RFC 6962's tree. */
  private readonly levels: Uint8Array[][];

  private constructor(leafDigests: readonly Uint8Array[]) {
    let level = leafDigests.map((digest) => hash(0, digest));
    this.levels = [level];
    while (level.length > 1) {
      level = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) => {
        const [left, right] = level.slice(2 * i, 2 * i + 2);
        return left && right ? hash(1, left, right) : (left ?? new Uint8Array(0));
      });
      this.levels.push(level);
    }
  }

  /** @param leafDigests 32 bytes each, one or more. @throws HeError MERKLE_INVALID */
  static from(leafDigests: readonly Uint8Array[]): MerkleTree {
    if (leafDigests.length === 0) throw new HeError('MERKLE_INVALID', 'a Merkle tree needs a leaf');
    if (leafDigests.some((digest) => digest.length !== HASH_BYTES))
      throw new HeError('MERKLE_INVALID', 'leaf digests are 32 bytes');
    return new MerkleTree(leafDigests);
  }

  get size(): number {
    return this.levels[0]?.length ?? 0;
  }

  get root(): Uint8Array {
    return (this.levels.at(-1)?.[0] ?? new Uint8Array(0)).slice();
  }

  /** Audit path from the leaf up (RFC 6962 section 2.1.1). @throws HeError MERKLE_INVALID */
  proof(index: number): Uint8Array[] {
    if (!Number.isInteger(index) || index < 0 || index >= this.size)
      throw new HeError('MERKLE_INVALID', 'no such leaf');
    return this.levels.flatMap((level, height) => {
      const sibling = level[(index >> height) ^ 1];
      return sibling && level.length > 1 ? [sibling.slice()] : [];
    });
  }

  /** True if `digest` is leaf `index` of the tree of `size` leaves with this root. Never throws on untrusted input. */
  static verify(
    root: Uint8Array,
    size: number,
    index: number,
    digest: Uint8Array,
    proof: readonly Uint8Array[],
  ): boolean {
    if (!Number.isInteger(size) || !Number.isInteger(index) || index < 0 || index >= size || size > 2 ** 31 - 1)
      return false;
    if (digest.length !== HASH_BYTES || proof.some((sibling) => sibling.length !== HASH_BYTES)) return false;
    let current = hash(0, digest);
    let used = 0;
    for (let at = index, width = size; width > 1; at >>= 1, width = Math.ceil(width / 2)) {
      if (at === width - 1 && at % 2 === 0) continue;
      const sibling = proof[used++];
      if (!sibling) return false;
      current = at % 2 === 0 ? hash(1, current, sibling) : hash(1, sibling, current);
    }
    return used === proof.length && equal(current, root);
  }
}

function hash(domain: 0 | 1, ...parts: readonly Uint8Array[]): Uint8Array {
  const sha = createHash('sha256').update(Uint8Array.of(domain));
  for (const part of parts) sha.update(part);
  return new Uint8Array(sha.digest());
}
