import { describe, expect, it } from 'vitest';
import { power } from '../ring/modular.js';
import type { Poly } from '../ring/ring.js';
import type { SumToDecrypt } from '../scheme.js';
import { decryptionShareLabel } from '../sum-to-decrypt.js';
import { ckksAttacker } from '../testing/ckks-attacker.js';
import { Federation, expectCode, headerOf, plainSum } from '../testing/federation.js';
import { KIND, PREFIX_BYTES, concat, prefix, toBytes, toWords } from '../wire.js';
import { readCiphertext } from './block.js';
import { DEGREE, LOG_SCALE, PRIMES } from './parameters.js';

const { contentOf, header, loaded, opensWith, rings, testWords } = await ckksAttacker();

/** In transformed order every element without a zero residue has an inverse, place by place. */
const divide = (a: Poly, b: Poly, length: number): bigint[] =>
  Array.from(a.subarray(0, length), (x, i) => (x * power(b[i] ?? 0n, PRIMES[0] - 2n, PRIMES[0])) % PRIMES[0]);

/** Each attack first works on a protocol without the defence (a control), then fails on ours. */
describe('attacks on the decryption shares of threshold CKKS', () => {
  it('unsmudged share: dividing by c1 would give the key; dividing a real share gives nothing that repeats', () => {
    using federation = Federation.ready(loaded, header);
    const { data } = rings;
    const candidates = [0, 1].map((sumIndex) => {
      const sum = federation.sumOf(sumIndex, new Map([0, 1, 2].map((i) => [i, Uint32Array.of(i)])));
      const [block = new Uint8Array(0)] = sum.blocks;
      const { c1 } = contentOf(block, KIND.sum);
      const secret = rings.data.uniform(testWords);
      // Control: 256 of 256 residues.
      expect(divide(data.multiply(c1, secret), c1, 256)).toEqual([...secret.subarray(0, 256)]);
      return divide(
        toWords(
          federation
            .site(0)
            .decryptionShare(sum)
            .slice(2 * PREFIX_BYTES),
        ),
        c1,
        256,
      );
    });
    expect(candidates[0]?.filter((x, i) => x === candidates[1]?.[i])).toHaveLength(0);
  });

  it('repeated share: a second one for other decryptors or another sum is not made, the same one is not fresh', () => {
    using federation = Federation.ready(loaded, header);
    const sum = federation.sumOf(0, new Map([0, 1, 2].map((i) => [i, Uint32Array.of(i)])));
    const before = federation.site(0).save();
    const first = federation.site(0).decryptionShare(sum);
    expectCode('DECRYPTION_SHARE_ALREADY_MADE', () =>
      federation.site(0).decryptionShare({ ...sum, decryptors: ['hospital-1', 'hospital-3'] }),
    );
    expectCode('DECRYPTION_SHARE_ALREADY_MADE', () =>
      federation.site(0).decryptionShare({ ...sum, uploaders: sum.uploaders.slice(1) }),
    );
    // The same ciphertext passed off as the next sum: the same smudging, so nothing to average.
    const residuesOf = (share: Uint8Array): Uint8Array => share.subarray(2 * PREFIX_BYTES);
    expect(residuesOf(federation.site(0).decryptionShare({ ...sum, sumIndex: 1 }))).toEqual(residuesOf(first));
    federation.restart(0, before);
    expect(federation.site(0).decryptionShare(sum)).toEqual(first);
  });

  it('too few shares: t-1 sites and any guess for the missing share open nothing', () => {
    using federation = Federation.ready(loaded, headerOf('ckks-threshold', 3, 3));
    const sum = federation.sumOf(0, new Map([0, 1, 2].map((i) => [i, Uint32Array.of(i)])));
    const shares = federation.shares(sum);
    const start = concat(
      prefix(federation.header, KIND.decryptionShare),
      decryptionShareLabel(federation.header, sum, 'hospital-3'),
    );
    const [first = new Uint8Array(0)] = shares.values();
    const guesses = [rings.data.zero(), rings.data.uniform(testWords), toWords(first.slice(2 * PREFIX_BYTES))];
    for (const guess of guesses) {
      expectCode('COMBINE_FAILED', () =>
        federation.decrypt(sum, new Map([...shares, ['hospital-3', concat(start, toBytes(guess))]])),
      );
    }
  });

  it("a malicious site with the coordinator's help reads the key of one epoch, and of no other", () => {
    using federation = Federation.ready(loaded, header);
    using next = Federation.ready(loaded, { ...header, keyEpochId: 'epoch-2' });
    const uploads = [0, 1, 2].map((i) => [...federation.site(i).encrypt(0, Uint32Array.of(500 + i))]);
    // hospital-3 adds 2^114 to c1; a constant is the same number at every place of the transformed order.
    const { data } = rings;
    const constant = data.zero().map((_, i) => (1n << 114n) % PRIMES[i < DEGREE ? 0 : 1]);
    const { c0, c1 } = contentOf(uploads[2]?.[0] ?? new Uint8Array(0));
    const evil = concat(prefix(header, KIND.upload), toBytes(c0), toBytes(data.add(c1, constant)));
    const sum: SumToDecrypt = {
      sumIndex: 0,
      uploaders: header.roster,
      decryptors: ['hospital-1', 'hospital-2'],
      blocks: federation.add([[...(uploads[0] ?? [])], [...(uploads[1] ?? [])], [evil]]),
    };
    const shares = federation.shares(sum);
    expectCode('COMBINE_FAILED', () => federation.decrypt(sum, shares));
    // The accomplice does not use our combine: Δ·m + e + 2^114·s, with s in -3..3.
    const [block = new Uint8Array(0)] = sum.blocks;
    const raw = data.inverse(
      [...shares.values()].reduce(
        (total, share) => data.add(total, toWords(share.slice(2 * PREFIX_BYTES))),
        contentOf(block, KIND.sum).c0,
      ),
    );
    const [q0, q1] = PRIMES;
    const unit = q0 * power(q0, q1 - 2n, q1);
    const q = q0 * q1;
    const key = Int32Array.from({ length: DEGREE }, (_, i) => {
      const x = ((((raw[i] ?? 0n) + ((raw[DEGREE + i] ?? 0n) - (raw[i] ?? 0n)) * unit) % q) + q) % q;
      const signed = x > q / 2n ? x - q : x;
      return Number((signed + (1n << 113n)) >> 114n);
    });
    expect(Math.max(...key)).toBeLessThanOrEqual(3);
    const stolen = data.forward(data.fromSmall(key));
    // The threat model's caveat is real: with this key every upload of the epoch decrypts alone.
    const mine = contentOf(uploads[0]?.[0] ?? new Uint8Array(0));
    expect(opensWith(mine.c0, mine.c1, stolen)[0]).toBe(500);
    const values = new Map([0, 1, 2].map((i) => [i, Uint32Array.of(900 + i)]));
    const later = [...next.site(0).encrypt(0, Uint32Array.of(900))][0] ?? new Uint8Array(0);
    const fresh = readCiphertext(data, later, prefix(next.header, KIND.upload));
    expectCode('COMBINE_FAILED', () => opensWith(fresh.c0, fresh.c1, stolen));
    expect(next.decrypt(next.sumOf(1, values))[0]).toBe(plainSum(values.values(), 1)[0]);
    expect(LOG_SCALE).toBeLessThan(114);
  });
});
