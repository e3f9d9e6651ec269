import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { MerkleTree, spotCheck } from '../index.js';
import { compileKernel } from '../ring/kernel.js';
import { power } from '../ring/modular.js';
import type { Poly } from '../ring/ring.js';
import type { CeremonyMessage, SumToDecrypt } from '../scheme.js';
import { Federation, type Loaded, expectCode, headerOf, load, plainSum } from '../testing/federation.js';
import { decryptionShareLabel } from '../sum-to-decrypt.js';
import { TestRandom } from '../testing/random.js';
import { KIND, PREFIX_BYTES, concat, prefix, toBytes, toWords } from '../wire.js';
import { readCiphertext } from './block.js';
import { Packing } from './packing.js';
import { CkksParameters, DEGREE, LOG_SCALE, PRIMES } from './parameters.js';
import { prove } from './proof-of-possession.js';
import { PublicKeyProtocol } from './public-key-protocol.js';
import { type Rings, atDataLevel, ringsOf } from './rings.js';
import { ckksThreshold } from './scheme.js';
import { SealSampler } from './seal-sampler.js';

/** Each attack first works on a protocol without the defence (a control), then fails on ours. */
describe('attacks on threshold CKKS', () => {
  let loaded: Loaded;
  let rings: Rings;
  let module: WebAssembly.Module;
  let sampler: SealSampler;
  const random = new TestRandom(23);
  const header = headerOf('ckks-threshold', 3, 2);
  const testWords = (count: number): BigUint64Array =>
    new BigUint64Array(Uint8Array.from(random.bytes(count * 8)).buffer);

  beforeAll(async () => {
    loaded = await load(ckksThreshold);
    module = await compileKernel('ring60');
    rings = ringsOf(module);
    sampler = await SealSampler.load();
  });

  const keyPair = (a: Poly): { secret: Poly; error: Poly; b: Poly } => {
    const { key } = rings;
    const sampled = sampler.sampleKey();
    const error = key.add(sampled.b, key.multiply(sampled.a, sampled.secretKey));
    return { secret: sampled.secretKey, error, b: key.subtract(error, key.multiply(a, sampled.secretKey)) };
  };
  /** Rounds c0 + c1·s without any of our checks, as an attacker would. */
  const opensWith = (c0: Poly, c1: Poly, secret: Poly): Uint32Array => {
    const { data } = rings;
    const packing = new Packing(module, CkksParameters.from(header));
    return packing.decode(data.inverse(data.add(c0, data.multiply(c1, atDataLevel(secret)))), 2).sums;
  };
  const contentOf = (block: Uint8Array, kind: number = KIND.upload): { c0: Poly; c1: Poly } =>
    readCiphertext(rings.data, block, prefix(header, kind));
  /** In transformed order every element without a zero residue has an inverse, place by place. */
  const divide = (a: Poly, b: Poly, length: number): bigint[] =>
    Array.from(a.subarray(0, length), (x, i) => (x * power(b[i] ?? 0n, PRIMES[0] - 2n, PRIMES[0])) % PRIMES[0]);

  it("rogue key: whoever cancels the others' shares could decrypt alone, but neither commits nor proves", () => {
    const { key } = rings;
    const protocol = new PublicKeyProtocol(key, header);
    const a = protocol.common;
    const federation = new Federation(loaded, header);
    federation.step('commit');
    federation.step('reveal');
    const honest = federation.messages
      .filter(({ step, from }) => step === 'reveal' && from !== 'hospital-3')
      .map(({ body }) => toWords(body.slice(PREFIX_BYTES + 32, PREFIX_BYTES + 32 + 3 * DEGREE * 8)));
    const own = keyPair(a);
    const rogue = honest.reduce((b, other) => key.subtract(b, other), own.b);
    const collective = honest.reduce((b, other) => key.add(b, other), rogue);
    using encryptor = sampler.zeroEncryptor(collective, a);
    const zero = encryptor.next();
    const c0 = rings.data.add(
      zero.subarray(0, 2 * DEGREE),
      new Packing(module, CkksParameters.from(header)).encode(rings.data, Uint32Array.of(1234)),
    );
    expect(opensWith(c0, zero.slice(2 * DEGREE), own.secret)[0]).toBe(1234);

    const replace = (changes: Partial<Record<string, Uint8Array>>): CeremonyMessage[] =>
      federation.messages.map((message) =>
        message.from === 'hospital-3' ? { ...message, body: changes[message.step] ?? message.body } : message,
      );
    const borrowed = prove(key, { a, b: own.b, context: protocol.contextOf(2) }, own.secret, own.error, testWords);
    const late = protocol.reveal(random.bytes(32), rogue, borrowed);
    expectCode(
      'COMMITMENT_BROKEN',
      () => federation.site(0).runDkgStep('deal', replace({ reveal: late })),
      'hospital-3',
    );
    // Even a commitment made in time by breaking the order of the ceremony needs a proof.
    using early = new Federation(loaded, header);
    early.step('commit');
    const inbox = early
      .inbox(0)
      .map((message) => (message.from === 'hospital-3' ? { ...message, body: protocol.commitment(2, late) } : message));
    early.site(0).runDkgStep('reveal', inbox);
    const others = ['hospital-1', 'hospital-2'].map((_, i) =>
      early.site(i === 0 ? 1 : 2).runDkgStep('reveal', early.inbox(i + 1)),
    );
    const reveals = [
      ...inbox,
      ...others.flat().filter(({ from }) => from === 'hospital-2'),
      { step: 'reveal', from: 'hospital-3', body: late },
    ];
    expectCode('PROOF_REJECTED', () => early.site(0).runDkgStep('deal', reveals), 'hospital-3');
    federation[Symbol.dispose]();
  });

  it('a proof of possession binds statement, site, epoch and every byte', () => {
    const { key } = rings;
    const protocol = new PublicKeyProtocol(key, header);
    const a = protocol.common;
    const own = keyPair(a);
    const other = keyPair(a);
    const reveal = (index: number, proof: Uint8Array, b = own.b): CeremonyMessage[] => {
      using federation = new Federation(loaded, header);
      federation.step('commit');
      const body = protocol.reveal(random.bytes(32), b, proof);
      federation.messages[2] = { step: 'commit', from: 'hospital-3', body: protocol.commitment(index, body) };
      federation.site(0).runDkgStep('reveal', federation.inbox(0));
      const two = federation.site(1).runDkgStep('reveal', federation.inbox(1));
      return federation
        .site(0)
        .runDkgStep('deal', [...federation.inbox(0), ...two, { step: 'reveal', from: 'hospital-3', body }]);
    };
    const good = prove(key, { a, b: own.b, context: protocol.contextOf(2) }, own.secret, own.error, testWords);
    expect(reveal(2, good)).toHaveLength(2);
    expectCode('COMMITMENT_BROKEN', () => reveal(1, good), 'hospital-3');
    expectCode('PROOF_REJECTED', () => reveal(2, good, other.b), 'hospital-3');
    const forAnother = prove(key, { a, b: own.b, context: protocol.contextOf(1) }, own.secret, own.error, testWords);
    expectCode('PROOF_REJECTED', () => reveal(2, forAnother), 'hospital-3');
    for (const at of [0, 40, good.length - 2]) {
      const bad = good.slice();
      bad[at] = (bad[at] ?? 0) ^ 1;
      expectCode('PROOF_REJECTED', () => reveal(2, bad), 'hospital-3');
    }
    expectCode('PROOF_REJECTED', () => reveal(2, good.slice().fill(0x7f, 32)), 'hospital-3');
  });

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

  describe('single-victim decryption and tampered blocks', () => {
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
      const committed = new Map(
        uploads.map(([block = new Uint8Array(0)], i) => [header.roster[i] ?? '', proven(block)]),
      );
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
