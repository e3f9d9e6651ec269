import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KeyEpochHeader, Scheme } from '../scheme.js';
import { describeCeremony } from './ceremony.contract.js';
import { MerkleTree, type ProvenBlock, spotCheck } from '../index.js';
import { Federation, type Loaded, expectCode, load, headerOf, plainSum } from './federation.js';
import { describeDecryption } from './decryption.contract.js';
import { TestRandom } from './random.js';

/**
 * What every scheme must do, whatever its mathematics. One description per implementation.
 * @param keyShareBytes what a site keeps to decrypt with, in an epoch of three sites and two sums
 */
export function describeScheme(scheme: Scheme, { keyShareBytes }: { readonly keyShareBytes: number }): void {
  describe(`secure sum: ${scheme.name}`, () => {
    let halves: Loaded;
    const loaded = (): Loaded => halves;
    const random = new TestRandom(3);
    const header = (sites: number, threshold: number, changes: Partial<KeyEpochHeader> = {}): KeyEpochHeader =>
      headerOf(scheme.name, sites, threshold, changes);

    beforeAll(async () => {
      halves = await load(scheme);
    });

    const vectors = (sites: readonly number[], length: number, bits: number): Map<number, Uint32Array> =>
      new Map(sites.map((i) => [i, random.values(length, bits)]));
    const context = { loaded, header, random, vectors, keyShareBytes };
    const restOf = (from: number, n: number): number[] => Array.from({ length: n - from }, (_, i) => from + i);

    describe('sums', () => {
      it.each([
        { sites: 2, threshold: 2, bits: 16 as const },
        { sites: 3, threshold: 2, bits: 8 as const },
        { sites: 5, threshold: 3, bits: 16 as const },
        { sites: 4, threshold: 4, bits: 8 as const },
      ])('decrypts the exact sum of $sites sites with $threshold of them, $bits bits', ({ sites, threshold, bits }) => {
        using federation = Federation.ready(loaded(), header(sites, threshold, { bits }));
        const length = federation.site(0).layout.valuesPerBlock + 7;
        const values = vectors(restOf(0, sites), length, bits);
        values.get(0)?.fill(2 ** bits - 1, 0, 100);
        values.get(1)?.fill(2 ** bits - 1, 0, 100);
        const decrypted = federation.decrypt(federation.sumOf(0, values, restOf(sites - threshold, sites)));
        expect(decrypted.subarray(0, length)).toEqual(plainSum(values.values(), length));
        expect(decrypted.subarray(length).every((value) => value === 0)).toBe(true);
      });

      it('decrypts the sum of those who uploaded, decrypted by others', () => {
        using federation = Federation.ready(loaded(), header(5, 3));
        const values = vectors([0, 3, 4], 50, 16);
        expect(federation.decrypt(federation.sumOf(1, values, [1, 2, 4])).subarray(0, 50)).toEqual(
          plainSum(values.values(), 50),
        );
      });

      it('takes every byte string as a Buffer somewhere inside a larger one', () => {
        const asBuffer = (bytes: Uint8Array): Buffer =>
          Buffer.concat([Buffer.from([1, 2, 3]), bytes, Buffer.from([4])]).subarray(3, 3 + bytes.length);
        using federation = new Federation(loaded(), header(3, 2));
        for (const step of loaded().scheme.dkgSteps) {
          federation.header.roster.forEach((_, i) => {
            const state = asBuffer(federation.site(i).save());
            const before = Buffer.from(state);
            federation.restart(i, state);
            expect(state.equals(before)).toBe(true);
          });
          const from = federation.messages.length;
          federation.step(step);
          federation.messages.splice(
            from,
            Infinity,
            ...federation.messages.slice(from).map((message) => ({ ...message, body: asBuffer(message.body) })),
          );
        }
        const values = vectors([0, 1, 2], 5, 16);
        const uploads = [...values].map(([i, vector]) => [...federation.site(i).encrypt(0, vector)].map(asBuffer));
        const sum = {
          sumIndex: 0,
          uploaders: federation.header.roster,
          decryptors: federation.header.roster.slice(1),
          blocks: federation.add(uploads).map(asBuffer),
        };
        const shares = new Map([...federation.shares(sum)].map(([site, share]) => [site, asBuffer(share)]));
        expect(federation.decrypt(sum, shares).subarray(0, 5)).toEqual(plainSum(values.values(), 5));
      });

      it('decrypts the sum of eight saturated sites', () => {
        using federation = Federation.ready(loaded(), header(8, 5, { sums: 1 }));
        const values = new Map(restOf(0, 8).map((i) => [i, new Uint32Array(9).fill(65_535)]));
        expect(federation.decrypt(federation.sumOf(0, values)).subarray(0, 9)).toEqual(
          new Uint32Array(9).fill(8 * 65_535),
        );
      });

      it('gives layouts that match the bytes', () => {
        using federation = Federation.ready(loaded(), header(3, 2));
        const { layout } = federation.site(0);
        const upload = [...federation.site(0).encrypt(0, random.values(layout.valuesPerBlock + 1, 16))];
        const other = [...federation.site(1).encrypt(0, random.values(layout.valuesPerBlock + 1, 16))];
        const blocks = federation.add([upload, other]);
        expect(upload.map((block) => block.length)).toEqual([layout.uploadBlockBytes, layout.uploadBlockBytes]);
        expect(blocks.map((block) => block.length)).toEqual([layout.sumBlockBytes, layout.sumBlockBytes]);
        const toDecrypt = {
          sumIndex: 0,
          uploaders: federation.header.roster.slice(0, 2),
          decryptors: federation.header.roster.slice(1),
          blocks,
        };
        expect(federation.site(1).decryptionShare(toDecrypt).length).toBe(layout.decryptionShareBytes(2));
        const coordinators = loaded().scheme.layout(federation.header);
        expect([
          coordinators.uploadBlockBytes,
          coordinators.sumBlockBytes,
          coordinators.decryptionShareBytes(2),
          coordinators.valuesPerBlock,
        ]).toEqual([
          layout.uploadBlockBytes,
          layout.sumBlockBytes,
          layout.decryptionShareBytes(2),
          layout.valuesPerBlock,
        ]);
      });
    });

    describeCeremony(context);
    describeDecryption(context);

    describe('membership', () => {
      it('changes by a new epoch: a site joins, one leaves, nothing of the old epoch is accepted', () => {
        using before = Federation.ready(loaded(), header(3, 2));
        using after = Federation.ready(
          loaded(),
          header(3, 2, { keyEpochId: 'epoch-2', roster: ['hospital-1', 'hospital-3', 'hospital-4'] }),
        );
        const values = vectors([0, 1, 2], 12, 16);
        expect(after.decrypt(after.sumOf(0, values)).subarray(0, 12)).toEqual(plainSum(values.values(), 12));
        const [block = new Uint8Array(0)] = before.site(0).encrypt(0, Uint32Array.of(1));
        expectCode('BLOCK_MALFORMED', () => loaded().aggregator.adder(after.header).add(block));
        expectCode('STATE_INVALID', () => loaded().site.restore(after.header, 'hospital-1', before.site(0).save()));
      });
    });

    it('lets a site check that a block of the sum is the sum of what was committed', () => {
      using federation = Federation.ready(loaded(), header(3, 2));
      const uploads = [0, 1, 2].map((i) => [
        ...federation.site(i).encrypt(0, random.values(federation.site(i).layout.valuesPerBlock * 2 + 1, 16)),
      ]);
      const committed = (blocks: readonly Uint8Array[], index: number): ProvenBlock => {
        const tree = MerkleTree.from(blocks.map((block) => createHash('sha256').update(block).digest()));
        return { root: tree.root, block: blocks[index] ?? new Uint8Array(0), proof: tree.proof(index) };
      };
      const check = (sums: readonly Uint8Array[], index: number): void =>
        spotCheck(loaded().aggregator, federation.header, {
          index,
          size: sums.length,
          sum: committed(sums, index),
          uploads: new Map(uploads.map((blocks, i) => [federation.header.roster[i] ?? '', committed(blocks, index)])),
        });
      const sums = federation.add(uploads);
      const without = federation.add(uploads.slice(1));
      for (const index of [0, 1, 2]) {
        check(sums, index);
        expectCode('SPOT_CHECK_FAILED', () => check(sums.with(index, without[index] ?? new Uint8Array(0)), index));
      }
    });

    it('does nothing any more once disposed', () => {
      using federation = Federation.ready(loaded(), header(2, 2));
      const site = federation.site(0);
      const blocks = site.encrypt(0, Uint32Array.of(1));
      site[Symbol.dispose]();
      site[Symbol.dispose]();
      expectCode('KEY_EPOCH_DISPOSED', () => site.encrypt(1, Uint32Array.of(1)));
      expectCode('KEY_EPOCH_DISPOSED', () => site.save());
      expectCode('KEY_EPOCH_DISPOSED', () => site.runDkgStep(loaded().scheme.dkgSteps[0] ?? '', []));
      expectCode('KEY_EPOCH_DISPOSED', () => blocks.next());
    });
  });
}
