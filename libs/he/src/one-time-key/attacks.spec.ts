import { beforeAll, describe, expect, it } from 'vitest';
import { compileKernel } from '../ring/kernel.js';
import type { SumToDecrypt } from '../scheme.js';
import { decryptionShareLabel } from '../sum-to-decrypt.js';
import { Federation, type Loaded, expectCode, headerOf, load } from '../testing/federation.js';
import { TestRandom } from '../testing/random.js';
import { KIND, PREFIX_BYTES, concat, prefix, toBytes } from '../wire.js';
import { fieldSharing } from './field-sharing.js';
import { MaskRing, sumSeed } from './mask-ring.js';
import { OneTimeKeyParameters } from './parameters.js';
import { oneTimeKey } from './scheme.js';

describe('attacks on one-time keys', () => {
  let loaded: Loaded;
  let module: WebAssembly.Module;
  const random = new TestRandom(31);
  const header = headerOf('one-time-key', 5, 3);
  const parameters = OneTimeKeyParameters.from(header);

  beforeAll(async () => {
    loaded = await load(oneTimeKey);
    module = await compileKernel('ring27');
  });

  const numbers = (wire: Uint8Array): bigint[] => {
    const padded = concat(wire, new Uint8Array(8));
    const view = new DataView(padded.buffer);
    const width = parameters.wireBits;
    return Array.from(
      { length: 200 },
      (_, i) =>
        (view.getBigUint64(Math.floor((i * width) / 8), true) >> BigInt((i * width) % 8)) &
        ((1n << BigInt(width)) - 1n),
    );
  };

  it('a secret used twice would give both updates away; the second use is refused', () => {
    const ring = new MaskRing(module, parameters);
    const bytes = (length: number): Uint8Array => random.bytes(length);
    ring.useKey(ring.gaussian(bytes));
    const [x, y] = [random.values(parameters.valuesPerBlock, 16), random.values(parameters.valuesPerBlock, 16)];
    const [a, b] = [x, y].map((values) =>
      numbers(ring.conceal(values, sumSeed(header, 0), 0, bytes) ?? new Uint8Array(0)),
    );
    const q = parameters.modulus;
    const read = (a ?? []).map((value, i) => {
      const difference = ((((value - (b?.[i] ?? 0n)) << 4n) % q) + q) % q;
      return ((difference > q / 2n ? difference - q : difference) + 512n) >> 10n;
    });
    // Control: the difference of the updates is read from the upload blocks alone.
    expect(read).toEqual(
      read.map(
        (_, i) =>
          BigInt((x[2 * i] ?? 0) - (y[2 * i] ?? 0)) + (BigInt((x[2 * i + 1] ?? 0) - (y[2 * i + 1] ?? 0)) << 22n),
      ),
    );

    using federation = Federation.ready(loaded, header);
    const before = federation.site(0).save();
    const once = [...federation.site(0).encrypt(0, x)];
    expectCode('SUM_ALREADY_ENCRYPTED', () => federation.site(0).encrypt(0, y));
    federation.restart(0);
    expectCode('SUM_ALREADY_ENCRYPTED', () => federation.site(0).encrypt(0, y));
    federation.restart(0, before);
    expect([...federation.site(0).encrypt(0, x)]).toEqual(once);
  });

  it('a second answer over another set would give one site away; it is refused', () => {
    using federation = Federation.ready(loaded, header);
    const sum = federation.sumOf(0, new Map([0, 1, 2, 3, 4].map((i) => [i, Uint32Array.of(10 + i)])));
    const without = { ...sum, uploaders: sum.uploaders.slice(1) };
    federation.site(0).decryptionShare(sum);
    expectCode('DECRYPTION_SHARE_ALREADY_MADE', () => federation.site(0).decryptionShare(without));
    federation.restart(0);
    expectCode('DECRYPTION_SHARE_ALREADY_MADE', () => federation.site(0).decryptionShare(without));
  });

  it('more sites or sums than fit are refused with the header', () => {
    expectCode('NOISE_BUDGET_EXCEEDED', () => loaded.scheme.layout(headerOf('one-time-key', 64, 64)));
    expectCode('HEADER_INVALID', () => loaded.scheme.layout(headerOf('one-time-key', 63, 63, { sums: 200 })));
  });

  it('a wrong number in one answer is found', () => {
    using federation = Federation.ready(loaded, header);
    const sum = federation.sumOf(0, new Map([0, 1, 2, 3, 4].map((i) => [i, Uint32Array.of(10 + i)])));
    const shares = federation.shares(sum);
    const bad = (shares.get('hospital-2') ?? new Uint8Array(0)).slice();
    bad[2 * PREFIX_BYTES + 14] = (bad[2 * PREFIX_BYTES + 14] ?? 0) ^ 1;
    expectCode('COMBINE_FAILED', () => federation.decrypt(sum, new Map([...shares, ['hospital-2', bad]])));
    expect(federation.decrypt(sum, shares)[0]).toBe(60);
  });

  it('fewer than t answers and any guess open nothing', () => {
    using federation = Federation.ready(loaded, header);
    const sum = federation.sumOf(0, new Map([0, 1, 2, 3, 4].map((i) => [i, Uint32Array.of(10 + i)])));
    const shares = federation.shares(sum);
    const start = concat(prefix(header, KIND.decryptionShare), decryptionShareLabel(header, sum, 'hospital-3'));
    for (const guess of [new Uint16Array(4096), Uint16Array.from({ length: 4096 }, () => random.below(65_521))]) {
      expectCode('COMBINE_FAILED', () =>
        federation.decrypt(sum, new Map([...shares, ['hospital-3', concat(start, toBytes(guess))]])),
      );
    }
  });

  it('a site that encrypts under another secret than it dealt spoils the sum, and this is found', () => {
    using federation = Federation.ready(loaded, header);
    using other = Federation.ready(loaded, header);
    const vector = Uint32Array.of(7);
    const uploads = [0, 1, 2].map((i) => [...(i === 2 ? other : federation).site(i).encrypt(0, vector)]);
    const sum: SumToDecrypt = {
      sumIndex: 0,
      uploaders: header.roster.slice(0, 3),
      decryptors: header.roster.slice(0, 3),
      blocks: federation.add(uploads),
    };
    expectCode('COMBINE_FAILED', () => federation.decrypt(sum, federation.shares(sum)));
  });

  it('shares that differ from their commitment name the dealer', () => {
    using federation = new Federation(loaded, header);
    federation.step('deal');
    const inbox = federation.inbox(0).map((message) => {
      if (message.from !== 'hospital-4' || message.to === undefined) return message;
      const body = message.body.slice();
      body[100] = (body[100] ?? 0) ^ 1;
      return { ...message, body };
    });
    expectCode('COMMITMENT_BROKEN', () => federation.site(0).runDkgStep('confirm', inbox), 'hospital-4');
  });

  it('shares open to the sum of secrets from any t and from no fewer', () => {
    const secret = Int32Array.from({ length: 50 }, () => random.below(2001) - 1000);
    const shares = fieldSharing.genShares(secret, 3, 5, (length) => random.bytes(length));
    const open = (...xs: number[]): Int32Array =>
      fieldSharing.reconstruct(xs.map((x) => ({ x, share: shares[x - 1] ?? new Uint16Array(0) })));
    expect(open(1, 2, 3)).toEqual(secret);
    expect(open(5, 1, 4)).toEqual(secret);
    expect(open(1, 2).filter((x, i) => x === secret[i]).length).toBeLessThan(3);
  });
});
