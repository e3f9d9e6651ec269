import { beforeAll, describe, expect, it } from 'vitest';
import type { EpochHeader, SchemeId } from '../scheme.js';
import { siteScheme, sumScheme, confirmedTranscript } from '../index.js';
import { PREFIX_BYTES, concat } from '../wire.js';
import { Federation, type Scheme, errorOf, expectCode, headerOf, plainSum } from './federation.js';
import { TestRandom } from './random.js';

/** What every scheme must do, whatever its mathematics. One description per implementation. */
export function describeScheme(id: SchemeId): void {
  describe(`secure sum: ${id}`, () => {
    let scheme: Scheme;
    const random = new TestRandom(3);
    const header = (sites: number, threshold: number, changes: Partial<EpochHeader> = {}): EpochHeader => headerOf(id, sites, threshold, changes);

    beforeAll(async () => {
      scheme = { site: await siteScheme(id), sum: await sumScheme(id) };
    });

    const vectors = (sites: readonly number[], length: number, bits: number): Map<number, Uint32Array> =>
      new Map(sites.map((i) => [i, random.values(length, bits)]));
    const restOf = (from: number, n: number): number[] => Array.from({ length: n - from }, (_, i) => from + i);

    describe('sums', () => {
      it.each([
        { sites: 2, threshold: 2, bits: 16 as const }, { sites: 3, threshold: 2, bits: 8 as const },
        { sites: 5, threshold: 3, bits: 16 as const }, { sites: 4, threshold: 4, bits: 8 as const },
      ])('opens the exact sum of $sites sites with $threshold of them, $bits bits', ({ sites, threshold, bits }) => {
        using federation = Federation.ready(scheme, header(sites, threshold, { bits }));
        const length = federation.site(0).layout.valuesPerBlock + 7;
        const values = vectors(restOf(0, sites), length, bits);
        values.get(0)?.fill(2 ** bits - 1, 0, 100);
        values.get(1)?.fill(2 ** bits - 1, 0, 100);
        const opened = federation.open(federation.sumOf(0, values, restOf(sites - threshold, sites)));
        expect(opened.subarray(0, length)).toEqual(plainSum(values.values(), length));
        expect(opened.subarray(length).every((value) => value === 0)).toBe(true);
      });

      it('opens the sum of those who uploaded, decrypted by others', () => {
        using federation = Federation.ready(scheme, header(5, 3));
        const values = vectors([0, 3], 50, 16);
        expect(federation.open(federation.sumOf(1, values, [1, 2, 4])).subarray(0, 50)).toEqual(plainSum(values.values(), 50));
      });

      it('opens the sum of eight saturated sites', () => {
        using federation = Federation.ready(scheme, header(8, 5, { sums: 1 }));
        const values = new Map(restOf(0, 8).map((i) => [i, new Uint32Array(9).fill(65_535)]));
        expect(federation.open(federation.sumOf(0, values)).subarray(0, 9)).toEqual(new Uint32Array(9).fill(8 * 65_535));
      });

      it('gives layouts that match the bytes', () => {
        using federation = Federation.ready(scheme, header(3, 2));
        const { layout } = federation.site(0);
        const upload = [...federation.site(0).encrypt(0, random.values(layout.valuesPerBlock + 1, 16))];
        const other = [...federation.site(1).encrypt(0, random.values(layout.valuesPerBlock + 1, 16))];
        const blocks = federation.add([upload, other]);
        expect(upload.map((block) => block.length)).toEqual([layout.uploadBlockBytes, layout.uploadBlockBytes]);
        expect(blocks.map((block) => block.length)).toEqual([layout.sumBlockBytes, layout.sumBlockBytes]);
        const toOpen = { sumIndex: 0, uploads: federation.header.roster.slice(0, 2), activeSet: federation.header.roster.slice(1), blocks };
        expect(federation.site(1).share(toOpen).length).toBe(layout.shareBytes(2));
        const coordinators = scheme.sum.layout(federation.header);
        expect([coordinators.uploadBlockBytes, coordinators.sumBlockBytes, coordinators.shareBytes(2), coordinators.valuesPerBlock])
          .toEqual([layout.uploadBlockBytes, layout.sumBlockBytes, layout.shareBytes(2), layout.valuesPerBlock]);
      });
    });

    describe('a site that is killed', () => {
      it('goes on from saved state after any step', () => {
        using federation = new Federation(scheme, header(3, 2));
        for (const step of scheme.site.steps) {
          federation.header.roster.forEach((_, i) => federation.restart(i));
          federation.step(step);
        }
        federation.header.roster.forEach((_, i) => federation.restart(i));
        const values = vectors([0, 1, 2], 40, 16);
        const sum = federation.sumOf(0, values);
        federation.header.roster.forEach((_, i) => federation.restart(i));
        expect(federation.open(sum).subarray(0, 40)).toEqual(plainSum(values.values(), 40));
      });

      it('posts the same bytes when it repeats a step after the first', () => {
        using federation = new Federation(scheme, header(3, 2));
        scheme.site.steps.forEach((step, at) => {
          const before = federation.site(0).save();
          if (at > 0) {
            const inbox = federation.inbox(0);
            const once = federation.site(0).step(step, inbox);
            federation.restart(0, before);
            const twice = federation.site(0).step(step, inbox);
            expect(twice).toEqual(once);
            federation.restart(0, before);
          }
          federation.step(step);
        });
      });

      it('makes the same share of the same sum again, and no share of another', () => {
        using federation = Federation.ready(scheme, header(3, 2));
        const sum = federation.sumOf(0, vectors([0, 1, 2], 10, 16));
        const before = federation.site(0).save();
        const share = federation.site(0).share(sum);
        expectCode('SHARE_ALREADY_MADE', () => federation.site(0).share(sum));
        const after = federation.site(0).save();
        federation.restart(0, before);
        expect(federation.site(0).share(sum)).toEqual(share);
        federation.restart(0, after);
        expectCode('SHARE_ALREADY_MADE', () => federation.site(0).share(sum));
      });

      it('refuses damaged state and state of others', () => {
        using federation = Federation.ready(scheme, header(3, 2));
        const state = federation.site(0).save();
        for (let trial = 0; trial < 40; trial++) {
          const bad = state.slice();
          const at = random.below(bad.length);
          bad[at] = (bad[at] ?? 0) ^ (1 << random.below(8));
          expectCode('STATE_INVALID', () => scheme.site.restore(federation.header, 'hospital-1', bad));
        }
        expectCode('STATE_INVALID', () => scheme.site.restore(federation.header, 'hospital-1', state.slice(0, -1)));
        expectCode('STATE_INVALID', () => scheme.site.restore(federation.header, 'hospital-1', new Uint8Array(0)));
        expectCode('STATE_INVALID', () => scheme.site.restore(federation.header, 'hospital-2', state));
        expectCode('STATE_INVALID', () => scheme.site.restore({ ...federation.header, epochId: 'epoch-2' }, 'hospital-1', state));
      });
    });

    describe('ceremony', () => {
      it('refuses a step out of turn and sums before the end', () => {
        using federation = new Federation(scheme, header(2, 2));
        const [first = '', second = ''] = scheme.site.steps;
        expectCode('STEP_OUT_OF_ORDER', () => federation.site(0).step(second, []));
        expectCode('STEP_OUT_OF_ORDER', () => federation.site(0).step('unknown', []));
        expectCode('STEP_OUT_OF_ORDER', () => federation.site(0).encrypt(0, Uint32Array.of(1)));
        federation.step(first);
        expectCode('STEP_OUT_OF_ORDER', () => federation.site(0).step(first, federation.inbox(0)));
      });

      it('names the site whose message of any step is missing, doubled or malformed, and goes on once it is right', () => {
        using federation = new Federation(scheme, header(3, 2));
        scheme.site.steps.forEach((step, at) => {
          const earlier = scheme.site.steps[at - 1];
          const inbox = federation.inbox(0);
          const fromTwo = inbox.filter((message) => message.from === 'hospital-2' && message.step === earlier);
          expect(fromTwo.length).toBeGreaterThanOrEqual(at === 0 ? 0 : 1);
          for (const message of fromTwo) {
            const others = inbox.filter((other) => other !== message);
            expectCode('MESSAGE_MISSING', () => federation.site(0).step(step, others), 'hospital-2');
            expectCode('MESSAGE_UNEXPECTED', () => federation.site(0).step(step, [...inbox, message]), 'hospital-2');
            expectCode('MESSAGE_UNEXPECTED', () => federation.site(0).step(step, [...inbox, { ...message, from: 'nobody' }]), 'nobody');
            const { body } = message;
            const bad = [body.slice(0, -1), concat(body.subarray(0, 300), body), new Uint8Array(0), body.map((x, i) => (i === 4 ? x ^ 1 : x))];
            for (const wrong of bad) {
              expect(errorOf(() => federation.site(0).step(step, [...others, { ...message, body: wrong }])).site).toBe('hospital-2');
            }
          }
          federation.step(step);
        });
        const values = vectors([0, 1, 2], 5, 16);
        expect(federation.open(federation.sumOf(0, values)).subarray(0, 5)).toEqual(plainSum(values.values(), 5));
      });

      it('works whether or not the relay echoes what a site posted itself', () => {
        using federation = new Federation(scheme, header(3, 2));
        for (const step of scheme.site.steps) {
          const posted = federation.header.roster.flatMap((site, i) =>
            federation.site(i).step(step, federation.inbox(i).filter((message) => i !== 0 || message.from !== site)));
          federation.messages.push(...posted);
        }
        expect(confirmedTranscript(federation.header, federation.messages)).toMatch(/^[0-9a-f]{64}$/);
      });

      it('ends in one transcript, and a relay that shows different broadcasts is found', () => {
        const confirms = [0, 1].map((equivocate) => {
          using federation = new Federation(scheme, header(3, 2));
          using shadow = new Federation(scheme, header(3, 2));
          for (const step of scheme.site.steps.slice(0, -1)) {
            shadow.step(step);
            federation.step(step);
          }
          const last = scheme.site.steps.at(-1) ?? '';
          const swap = shadow.messages.filter((message) => message.from === 'hospital-2' && message.to === undefined);
          const inbox = federation.inbox(0).map((message) => (equivocate === 1 && message.from === 'hospital-2' && message.to === undefined
            ? (swap.find((other) => other.step === message.step) ?? message) : message));
          if (equivocate === 1) return errorOf(() => federation.site(0).step(last, inbox)).code;
          federation.step(last);
          const bodies = federation.messages.filter((message) => message.step === last);
          const odd = bodies.map((message, i) => (i === 1 ? { ...message, body: message.body.map((x, k) => (k === PREFIX_BYTES ? x ^ 1 : x)) } : message));
          expectCode('TRANSCRIPT_DIFFERS', () => confirmedTranscript(federation.header, odd), 'hospital-2');
          return confirmedTranscript(federation.header, bodies);
        });
        expect(confirms[0]).toMatch(/^[0-9a-f]{64}$/);
        expect(['MESSAGE_CHANGED', 'COMMITMENT_BROKEN']).toContain(confirms[1]);
      });

      it.each([
        ['two sites of one name', { roster: ['a', 'a', 'b'] }], ['one site', { roster: ['a'] }], ['a threshold of one', { threshold: 1 }],
        ['a threshold above the roster', { threshold: 4 }], ['single uploads to be opened', { minUploads: 1 }], ['a short seed', { seed: 'ab' }],
        ['no sums', { sums: 0 }], ['odd bits', { bits: 12 as unknown as 8 }], ['a control character in a name', { roster: ['a', 'b\n', 'c'] }],
        ['65 sites', { roster: Array.from({ length: 65 }, (_, i) => `s${i}`) }], ['another version', { version: 2 as unknown as 1 }],
      ])('refuses a header with %s', (_, changes) => {
        const bad = header(3, 2, changes);
        expectCode('HEADER_INVALID', () => scheme.site.begin(bad, bad.roster[0] ?? ''));
        expectCode('HEADER_INVALID', () => scheme.sum.layout(bad));
        expectCode('HEADER_INVALID', () => scheme.sum.adder(bad));
      });

      it('refuses a site outside the roster', () => {
        expectCode('HEADER_INVALID', () => scheme.site.begin(header(3, 2), 'nobody'), 'nobody');
      });
    });

    describe('membership', () => {
      it('changes by a new epoch: a site joins, one leaves, nothing of the old epoch is accepted', () => {
        using before = Federation.ready(scheme, header(3, 2));
        using after = Federation.ready(scheme, header(3, 2, { epochId: 'epoch-2', roster: ['hospital-1', 'hospital-3', 'hospital-4'] }));
        const values = vectors([0, 1, 2], 12, 16);
        expect(after.open(after.sumOf(0, values)).subarray(0, 12)).toEqual(plainSum(values.values(), 12));
        const [block = new Uint8Array(0)] = before.site(0).encrypt(0, Uint32Array.of(1));
        expectCode('BLOCK_MALFORMED', () => scheme.sum.adder(after.header).add(block));
        expectCode('STATE_INVALID', () => scheme.site.restore(after.header, 'hospital-1', before.site(0).save()));
      });
    });

    describe('encrypt', () => {
      it('refuses values above the bits, no values, indices outside the epoch and a second call, also after a restart', () => {
        using federation = Federation.ready(scheme, header(2, 2));
        const site = federation.site(0);
        expectCode('VALUE_OUT_OF_RANGE', () => site.encrypt(0, Uint32Array.of(65_536)));
        expectCode('VALUE_OUT_OF_RANGE', () => site.encrypt(0, new Uint32Array(0)));
        for (const index of [-1, 2, 0.5, Number.NaN]) expectCode('SUM_INDEX_INVALID', () => site.encrypt(index, Uint32Array.of(1)));
        site.encrypt(0, Uint32Array.of(1));
        expectCode('SUM_ALREADY_ENCRYPTED', () => site.encrypt(0, Uint32Array.of(1)));
        federation.restart(0);
        expectCode('SUM_ALREADY_ENCRYPTED', () => federation.site(0).encrypt(0, Uint32Array.of(1)));
        expect([...federation.site(0).encrypt(1, Uint32Array.of(1))]).toHaveLength(1);
      });

      it('never gives the same block for the same values', () => {
        using federation = Federation.ready(scheme, header(2, 2));
        const [one] = federation.site(0).encrypt(0, Uint32Array.of(1));
        const [two] = federation.site(0).encrypt(1, Uint32Array.of(1));
        expect(one?.subarray(PREFIX_BYTES)).not.toEqual(two?.subarray(PREFIX_BYTES));
      });
    });

    describe('share', () => {
      it('refuses single victims, unknown or unordered uploads, and active sets that are not t sites with this one', () => {
        using federation = Federation.ready(scheme, header(4, 3));
        const sum = federation.sumOf(0, vectors([0, 1, 2, 3], 5, 16));
        const [a = '', b = '', c = '', d = ''] = federation.header.roster;
        const ask = (changes: object): unknown => federation.site(0).share({ ...sum, ...changes });
        expectCode('TOO_FEW_UPLOADS', () => ask({ uploads: [b] }));
        expectCode('TOO_FEW_UPLOADS', () => ask({ uploads: [] }));
        expectCode('UPLOAD_SET_INVALID', () => ask({ uploads: [a, 'nobody'] }));
        expectCode('UPLOAD_SET_INVALID', () => ask({ uploads: [b, a] }));
        expectCode('UPLOAD_SET_INVALID', () => ask({ uploads: [b, b] }));
        expectCode('ACTIVE_SET_INVALID', () => ask({ activeSet: [a, b] }));
        expectCode('ACTIVE_SET_INVALID', () => ask({ activeSet: [a, b, c, d] }));
        expectCode('ACTIVE_SET_INVALID', () => ask({ activeSet: [a, a, b] }));
        expectCode('ACTIVE_SET_INVALID', () => ask({ activeSet: [b, c, d] }));
        expectCode('SUM_INDEX_INVALID', () => ask({ sumIndex: 2 }));
        expect(federation.site(0).share(sum).length).toBe(federation.site(0).layout.shareBytes(1));
      });
    });

    describe('adder', () => {
      it('refuses malformed blocks with a code, is unusable until finished, and then starts afresh', () => {
        using federation = Federation.ready(scheme, header(2, 2));
        const [good = new Uint8Array(0)] = federation.site(0).encrypt(0, Uint32Array.of(5));
        const adder = scheme.sum.adder(federation.header);
        const full = good.slice().fill(255, PREFIX_BYTES);
        for (const bad of [good.slice(1), concat(good, Uint8Array.of(0)), new Uint8Array(0), good.map((x, i) => (i === 9 ? x ^ 1 : x)), full]) {
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
        using federation = Federation.ready(scheme, header(3, 2));
        const uploads = [0, 1, 2].map((i) => [...federation.site(i).encrypt(0, random.values(20, 16))]);
        expect(federation.add(uploads.toReversed())).toEqual(federation.add(uploads));
      });

      it('refuses or survives every random corruption of an upload', () => {
        using federation = Federation.ready(scheme, header(2, 2));
        const [good = new Uint8Array(0)] = federation.site(0).encrypt(0, Uint32Array.of(5));
        const adder = scheme.sum.adder(federation.header);
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
        using federation = Federation.ready(scheme, header(4, 3));
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
        expectCode('SHARE_MISSING', () => federation.open(sum, changed([['hospital-2', undefined]])), 'hospital-2');
        expectCode('ACTIVE_SET_INVALID', () => federation.open(sum, changed([['hospital-4', second]])), 'hospital-4');
        expectCode('SHARE_MALFORMED', () => federation.open(sum, changed([['hospital-2', first]])), 'hospital-2');
        expectCode('SHARE_MALFORMED', () => federation.open(sum, changed([['hospital-2', second.slice(0, -8)]])), 'hospital-2');
        expectCode('SHARE_MALFORMED', () => federation.open(sum, changed([['hospital-2', concat(second, second.subarray(PREFIX_BYTES))]])), 'hospital-2');
        expectCode('SHARE_MALFORMED', () => federation.open(sum, changed([['hospital-2', second.slice().fill(255, 2 * PREFIX_BYTES)]])), 'hospital-2');
        // Made for other uploads.
        expectCode('SHARE_MALFORMED', () => federation.open({ ...sum, uploads: sum.uploads.slice(1) }, shares), 'hospital-1');
        expect(federation.open(sum, shares).length).toBe(federation.site(0).layout.valuesPerBlock);
      });

      it('opens nothing with fewer than t sites, however they count themselves', () => {
        using federation = Federation.ready(scheme, header(5, 4));
        const sum = federation.sumOf(0, vectors([0, 1, 2, 3], 5, 16));
        const shares = federation.shares(sum);
        const three = new Map([...shares].slice(0, 3));
        const claimed = { ...federation.header, threshold: 3 };
        const smaller = { ...sum, activeSet: sum.activeSet.slice(0, 3) };
        expectCode('TOO_FEW_UPLOADS', () => federation.open({ ...sum, uploads: sum.uploads.slice(0, 1) }, shares));
        expectCode('SHARE_MISSING', () => federation.open(sum, three));
        expectCode('ACTIVE_SET_INVALID', () => federation.open(smaller, three));
        // Under another header nothing of this epoch is accepted.
        expectCode('SHARE_MALFORMED', () => [...scheme.sum.combine(claimed, smaller, three)].length);
      });

      it('refuses every random corruption of a share and of a sum with a code, or it changes nothing but noise', () => {
        using federation = Federation.ready(scheme, header(3, 2));
        const values = vectors([0, 1, 2], 5, 16);
        const sum = federation.sumOf(0, values);
        const shares = federation.shares(sum);
        const [block = new Uint8Array(0)] = sum.blocks;
        const [[site, share] = ['', new Uint8Array(0)]] = shares;
        let refused = 0;
        for (let trial = 0; trial < 120; trial++) {
          try {
            if (trial % 2 === 0) federation.open(sum, new Map([...shares, [site, corrupt(share, random)]]));
            else federation.open({ ...sum, blocks: [corrupt(block, random)] }, shares);
          } catch (error) {
            expect(error).toMatchObject({ name: 'HeError' });
            refused++;
          }
        }
        expect(refused).toBeGreaterThan(60);
        expect(federation.open(sum, shares).subarray(0, 5)).toEqual(plainSum(values.values(), 5));
      });
    });

    it('does nothing any more once disposed', () => {
      using federation = Federation.ready(scheme, header(2, 2));
      const site = federation.site(0);
      const blocks = site.encrypt(0, Uint32Array.of(1));
      site[Symbol.dispose]();
      site[Symbol.dispose]();
      expectCode('EPOCH_CLOSED', () => site.encrypt(1, Uint32Array.of(1)));
      expectCode('EPOCH_CLOSED', () => site.save());
      expectCode('EPOCH_CLOSED', () => site.step(scheme.site.steps[0] ?? '', []));
      expectCode('EPOCH_CLOSED', () => blocks.next());
    });
  });
}

/** Truncated, flipped in the prefix, flipped in the body, extended, or replaced. */
export function corrupt(good: Uint8Array, random: TestRandom): Uint8Array {
  const flip = (from: number, to: number): Uint8Array => {
    const bad = good.slice();
    const at = from + random.below(to - from);
    bad[at] = (bad[at] ?? 0) ^ (1 << random.below(8));
    return bad;
  };
  const kinds = [
    () => good.slice(0, random.below(good.length)),
    () => flip(0, PREFIX_BYTES),
    () => flip(PREFIX_BYTES, good.length),
    () => concat(good, good.subarray(0, 64)),
    () => random.bytes(random.below(2000)),
  ];
  return kinds[random.below(kinds.length)]?.() ?? good;
}
