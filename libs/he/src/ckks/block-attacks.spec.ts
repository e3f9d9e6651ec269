import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MerkleTree, spotCheck } from '../index.js';
import type { SumToDecrypt } from '../scheme.js';
import { ckksAttacker } from '../testing/ckks-attacker.js';
import { Federation, expectCode } from '../testing/federation.js';
import { PREFIX_BYTES } from '../wire.js';
import { DEGREE } from './parameters.js';

const { header, loaded } = await ckksAttacker();

/** Each attack first works on a protocol without the defence (a control), then fails on ours. */
describe('attacks on the blocks of threshold CKKS: single-victim decryption and tampering', () => {
  const proven = (block: Uint8Array): { root: Uint8Array; block: Uint8Array; proof: Uint8Array[] } => {
    const tree = MerkleTree.from([createHash('sha256').update(block).digest()]);
    return { root: tree.root, block, proof: tree.proof(0) };
  };

  it('a lone upload passed off as the sum of three is found by checking a block', () => {
    using federation = Federation.ready(loaded, header);
    const values = new Map([0, 1, 2].map((i) => [i, Uint32Array.of(100 + i)]));
    const uploads = [...values].map(([i, vector]) => [...federation.site(i).encrypt(0, vector)]);
    const lone = federation.add(uploads.slice(1, 2));
    const sum: SumToDecrypt = {
      sumIndex: 0,
      uploaders: header.roster,
      decryptors: ['hospital-1', 'hospital-3'],
      blocks: lone,
    };
    // Control: sites that do not look would decrypt hospital-2 alone.
    expect(federation.decrypt(sum, federation.shares(sum))[0]).toBe(101);
    const committed = new Map(uploads.map(([block = new Uint8Array(0)], i) => [header.roster[i] ?? '', proven(block)]));
    const check = (block: Uint8Array | undefined): void =>
      spotCheck(loaded.aggregator, header, {
        index: 0,
        size: 1,
        sum: proven(block ?? new Uint8Array(0)),
        uploads: committed,
      });
    expectCode('SPOT_CHECK_FAILED', () => check(lone[0]));
    check(federation.add(uploads)[0]);
  });

  it('a substituted upload block does not belong to the commitment of its site', () => {
    using federation = Federation.ready(loaded, header);
    const uploads = [0, 1].map((i) => [...federation.site(i).encrypt(0, Uint32Array.of(i))][0] ?? new Uint8Array(0));
    const [one = new Uint8Array(0), two = new Uint8Array(0)] = uploads;
    const tampered = two.slice();
    tampered[PREFIX_BYTES] = (tampered[PREFIX_BYTES] ?? 0) ^ 1;
    const sum = proven(federation.add([[one], [tampered]])[0] ?? new Uint8Array(0));
    const committed = new Map([
      ['hospital-1', proven(one)],
      ['hospital-2', { ...proven(two), block: tampered }],
    ]);
    expectCode(
      'SPOT_CHECK_FAILED',
      () => spotCheck(loaded.aggregator, header, { index: 0, size: 1, sum, uploads: committed }),
      'hospital-2',
    );
  });

  it('one flipped residue of the sum opens to no integers', () => {
    using federation = Federation.ready(loaded, header);
    const sum = federation.sumOf(0, new Map([0, 1, 2].map((i) => [i, Uint32Array.of(i)])));
    const shares = federation.shares(sum);
    for (const at of [0, 2 * DEGREE * 8 - 16]) {
      const [block = new Uint8Array(0)] = sum.blocks;
      const bad = block.slice();
      bad[PREFIX_BYTES + at] = (bad[PREFIX_BYTES + at] ?? 0) ^ 1;
      expectCode('COMBINE_FAILED', () => federation.decrypt({ ...sum, blocks: [bad] }, shares));
    }
  });
});
