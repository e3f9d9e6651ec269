import { describe, expect, it } from 'vitest';
import { PREFIX_BYTES, concat } from '../wire.js';
import type { Context } from './context.js';
import { Federation, expectCode, plainSum } from './federation.js';
import { corrupt } from './random.js';

/** What is encrypted, added, shared and combined, and what each of them refuses. */
export function describeDecryption({ loaded, header, random, vectors }: Context): void {
  describe('encrypt', () => {
    it('refuses values above the bits, no values, indices outside the epoch and a second call, also after a restart', () => {
      using federation = Federation.ready(loaded(), header(2, 2));
      const site = federation.site(0);
      expectCode('VALUE_OUT_OF_RANGE', () => site.encrypt(0, Uint32Array.of(65_536)));
      expectCode('VALUE_OUT_OF_RANGE', () => site.encrypt(0, new Uint32Array(0)));
      for (const index of [-1, 2, 0.5, Number.NaN])
        expectCode('SUM_INDEX_INVALID', () => site.encrypt(index, Uint32Array.of(1)));
      site.encrypt(0, Uint32Array.of(1));
      expectCode('SUM_ALREADY_ENCRYPTED', () => site.encrypt(0, Uint32Array.of(1)));
      federation.restart(0);
      expectCode('SUM_ALREADY_ENCRYPTED', () => federation.site(0).encrypt(0, Uint32Array.of(1)));
      expect([...federation.site(0).encrypt(1, Uint32Array.of(1))]).toHaveLength(1);
    });

    it('never gives the same block for the same values', () => {
      using federation = Federation.ready(loaded(), header(2, 2));
      const [one] = federation.site(0).encrypt(0, Uint32Array.of(1));
      const [two] = federation.site(0).encrypt(1, Uint32Array.of(1));
      expect(one?.subarray(PREFIX_BYTES)).not.toEqual(two?.subarray(PREFIX_BYTES));
    });
  });

  describe('decryption share', () => {
    it('refuses single victims, unknown or unordered uploads, and decryptors that are not t sites with this one', () => {
      using federation = Federation.ready(loaded(), header(4, 3));
      const sum = federation.sumOf(0, vectors([0, 1, 2, 3], 5, 16));
      const [a = '', b = '', c = '', d = ''] = federation.header.roster;
      const ask = (changes: object): unknown => federation.site(0).decryptionShare({ ...sum, ...changes });
      expectCode('TOO_FEW_UPLOADS', () => ask({ uploaders: [b] }));
      expectCode('TOO_FEW_UPLOADS', () => ask({ uploaders: [] }));
      expectCode('UPLOADERS_INVALID', () => ask({ uploaders: [a, 'nobody'] }));
      expectCode('UPLOADERS_INVALID', () => ask({ uploaders: [b, a] }));
      expectCode('UPLOADERS_INVALID', () => ask({ uploaders: [b, b] }));
      expectCode('DECRYPTORS_INVALID', () => ask({ decryptors: [a, b] }));
      expectCode('DECRYPTORS_INVALID', () => ask({ decryptors: [a, b, c, d] }));
      expectCode('DECRYPTORS_INVALID', () => ask({ decryptors: [a, a, b] }));
      expectCode('DECRYPTORS_INVALID', () => ask({ decryptors: [b, c, d] }));
      expectCode('SUM_INDEX_INVALID', () => ask({ sumIndex: 2 }));
      expect(federation.site(0).decryptionShare(sum).length).toBe(federation.site(0).layout.decryptionShareBytes(1));
    });
  });

  describe('adder', () => {
    it('refuses malformed blocks with a code, is unusable until finished, and then starts afresh', () => {
      using federation = Federation.ready(loaded(), header(2, 2));
      const [good = new Uint8Array(0)] = federation.site(0).encrypt(0, Uint32Array.of(5));
      const adder = loaded().aggregator.adder(federation.header);
      const full = good.slice().fill(255, PREFIX_BYTES);
      for (const bad of [
        good.slice(1),
        concat(good, Uint8Array.of(0)),
        new Uint8Array(0),
        good.map((x, i) => (i === 9 ? x ^ 1 : x)),
        full,
      ]) {
        adder.add(good);
        expectCode('BLOCK_MALFORMED', () => adder.add(bad));
        expectCode('BLOCK_MALFORMED', () => adder.add(good));
        expectCode('BLOCK_MALFORMED', () => adder.finish());
      }
      expectCode('UPLOAD_COUNT_INVALID', () => adder.finish());
      adder.add(good);
      const once = adder.finish();
      adder.add(good);
      expect(adder.finish()).toEqual(once);
    });

    it('does not depend on the order', () => {
      using federation = Federation.ready(loaded(), header(3, 2));
      const uploads = [0, 1, 2].map((i) => [...federation.site(i).encrypt(0, random.values(20, 16))]);
      expect(federation.add(uploads.toReversed())).toEqual(federation.add(uploads));
    });

    it('refuses or survives every random corruption of an upload', () => {
      using federation = Federation.ready(loaded(), header(2, 2));
      const [good = new Uint8Array(0)] = federation.site(0).encrypt(0, Uint32Array.of(5));
      const adder = loaded().aggregator.adder(federation.header);
      let refused = 0;
      for (let trial = 0; trial < 1000; trial++) {
        const bad = corrupt(good, random);
        try {
          adder.add(bad);
          // A flip that keeps the format is what the signature over the Merkle root is for.
          expect(bad.length).toBe(good.length);
          expect(bad.subarray(0, PREFIX_BYTES)).toEqual(good.subarray(0, PREFIX_BYTES));
        } catch (error) {
          expect(error).toMatchObject({ name: 'HeError', code: 'BLOCK_MALFORMED' });
          refused++;
          expectCode('BLOCK_MALFORMED', () => adder.finish());
        }
      }
      expect(refused).toBeGreaterThan(500);
    });
  });

  describe('combine', () => {
    it('refuses missing, foreign, repeated and malformed shares', () => {
      using federation = Federation.ready(loaded(), header(4, 3));
      const sum = federation.sumOf(0, vectors([0, 1, 2, 3], 5, 16));
      const shares = federation.shares(sum);
      const [first = new Uint8Array(0), second = new Uint8Array(0)] = [...shares.values()];
      const changed = (changes: readonly [string, Uint8Array | undefined][]): Map<string, Uint8Array> => {
        const copy = new Map(shares);
        for (const [site, share] of changes) {
          if (share) copy.set(site, share);
          else copy.delete(site);
        }
        return copy;
      };
      expectCode(
        'DECRYPTION_SHARE_MISSING',
        () => federation.decrypt(sum, changed([['hospital-2', undefined]])),
        'hospital-2',
      );
      expectCode('DECRYPTORS_INVALID', () => federation.decrypt(sum, changed([['hospital-4', second]])), 'hospital-4');
      expectCode(
        'DECRYPTION_SHARE_MALFORMED',
        () => federation.decrypt(sum, changed([['hospital-2', first]])),
        'hospital-2',
      );
      expectCode(
        'DECRYPTION_SHARE_MALFORMED',
        () => federation.decrypt(sum, changed([['hospital-2', second.slice(0, -8)]])),
        'hospital-2',
      );
      expectCode(
        'DECRYPTION_SHARE_MALFORMED',
        () => federation.decrypt(sum, changed([['hospital-2', concat(second, second.subarray(PREFIX_BYTES))]])),
        'hospital-2',
      );
      expectCode(
        'DECRYPTION_SHARE_MALFORMED',
        () => federation.decrypt(sum, changed([['hospital-2', second.slice().fill(255, 2 * PREFIX_BYTES)]])),
        'hospital-2',
      );
      // Made for other uploads.
      expectCode(
        'DECRYPTION_SHARE_MALFORMED',
        () => federation.decrypt({ ...sum, uploaders: sum.uploaders.slice(1) }, shares),
        'hospital-1',
      );
      expect(federation.decrypt(sum, shares).length).toBe(federation.site(0).layout.valuesPerBlock);
    });

    it('decrypts nothing with fewer than t sites, however they count themselves', () => {
      using federation = Federation.ready(loaded(), header(5, 4));
      const sum = federation.sumOf(0, vectors([0, 1, 2, 3], 5, 16));
      const shares = federation.shares(sum);
      const three = new Map([...shares].slice(0, 3));
      const claimed = { ...federation.header, threshold: 3 };
      const smaller = { ...sum, decryptors: sum.decryptors.slice(0, 3) };
      expectCode('TOO_FEW_UPLOADS', () => federation.decrypt({ ...sum, uploaders: sum.uploaders.slice(0, 1) }, shares));
      expectCode('DECRYPTION_SHARE_MISSING', () => federation.decrypt(sum, three));
      expectCode('DECRYPTORS_INVALID', () => federation.decrypt(smaller, three));
      // Under another header nothing of this epoch is accepted.
      expectCode('DECRYPTION_SHARE_MALFORMED', () => [...loaded().aggregator.combine(claimed, smaller, three)].length);
    });

    it('refuses every random corruption of a share and of a sum with a code, or it changes nothing but noise', () => {
      using federation = Federation.ready(loaded(), header(3, 2));
      const values = vectors([0, 1, 2], 5, 16);
      const sum = federation.sumOf(0, values);
      const shares = federation.shares(sum);
      const [block = new Uint8Array(0)] = sum.blocks;
      const [[site, share] = ['', new Uint8Array(0)]] = shares;
      let refused = 0;
      for (let trial = 0; trial < 120; trial++) {
        try {
          if (trial % 2 === 0) federation.decrypt(sum, new Map([...shares, [site, corrupt(share, random)]]));
          else federation.decrypt({ ...sum, blocks: [corrupt(block, random)] }, shares);
        } catch (error) {
          expect(error).toMatchObject({ name: 'HeError' });
          refused++;
        }
      }
      expect(refused).toBeGreaterThan(60);
      expect(federation.decrypt(sum, shares).subarray(0, 5)).toEqual(plainSum(values.values(), 5));
    });
  });
}
