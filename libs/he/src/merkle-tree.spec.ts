import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MerkleTree } from './merkle-tree.js';
import { expectCode } from './testing/federation.js';

const sha = (...parts: Uint8Array[]): Uint8Array =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
/** MTH of RFC 6962 section 2.1, word for word. */
function treeHash(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (leaves.length === 1 && only) return sha(Uint8Array.of(0), only);
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha(Uint8Array.of(1), treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)));
}
/** PATH of RFC 6962 section 2.1.1, word for word. */
function path(m: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  if (leaves.length === 1) return [];
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return m < k
    ? [...path(m, leaves.slice(0, k)), treeHash(leaves.slice(k))]
    : [...path(m - k, leaves.slice(k)), treeHash(leaves.slice(0, k))];
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('Merkle tree', () => {
  const leaves = Array.from({ length: 23 }, (_, i) => sha(Uint8Array.of(i)));

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 23])(
    'of %i leaves has the root and paths of RFC 6962, and every path verifies',
    (size) => {
      const some = leaves.slice(0, size);
      const tree = MerkleTree.from(some);
      expect(hex(tree.root)).toBe(hex(treeHash(some)));
      some.forEach((leaf, i) => {
        const proof = tree.proof(i);
        expect(proof.map(hex)).toEqual(path(i, some).map(hex));
        expect(MerkleTree.verify(tree.root, size, i, leaf, proof)).toBe(true);
      });
    },
  );

  it('verifies nothing else', () => {
    const size = 11;
    const tree = MerkleTree.from(leaves.slice(0, size));
    const [leaf = new Uint8Array(32), other = new Uint8Array(32)] = leaves.slice(4, 6);
    const proof = tree.proof(4);
    const verify = (changes: {
      root?: Uint8Array;
      size?: number;
      index?: number;
      leaf?: Uint8Array;
      proof?: Uint8Array[];
    }): boolean =>
      MerkleTree.verify(
        changes.root ?? tree.root,
        changes.size ?? size,
        changes.index ?? 4,
        changes.leaf ?? leaf,
        changes.proof ?? proof,
      );
    expect(verify({})).toBe(true);
    expect(verify({ leaf: other })).toBe(false);
    for (const index of [0, 3, 5, 11, -1, 0.5, Number.NaN]) expect(verify({ index })).toBe(false);
    for (const bad of [proof.slice(1), [...proof, leaf], proof.toReversed(), [], proof.map((p) => p.subarray(1))])
      expect(verify({ proof: bad })).toBe(false);
    for (const otherSize of [0, 4, 5, Number.NaN]) expect(verify({ size: otherSize })).toBe(false);
    expect(verify({ root: other })).toBe(false);
    // An inner node is no leaf.
    expect(verify({ leaf: sha(Uint8Array.of(0), leaf) })).toBe(false);
    expect(verify({ leaf: leaf.subarray(1) })).toBe(false);
  });

  it('refuses no leaves, short digests and unknown indices', () => {
    expectCode('MERKLE_INVALID', () => MerkleTree.from([]));
    expectCode('MERKLE_INVALID', () => MerkleTree.from([new Uint8Array(31)]));
    expectCode('MERKLE_INVALID', () => MerkleTree.from(leaves).proof(23));
  });
});
