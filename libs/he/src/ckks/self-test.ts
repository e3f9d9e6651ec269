import { HeError } from '../errors.js';
import { publicWords } from '../random.js';
import { invert } from '../ring/modular.js';
import type { Poly, RandomWords, Ring } from '../ring/ring.js';
import type { KeyEpochHeader } from '../scheme.js';
import { Secrets, present } from '../secrets.js';
import { concat, payload, prefix, toBytes, toWords } from '../wire.js';
import { ERROR_BOUND } from './noise-budget.js';
import { CKKS_KIND, DEGREE, LOG_SCALE, PRIMES, SMUDGING_BITS } from './parameters.js';
import type { Thresholdizer } from './thresholdizer.js';

const TEST_COEFFICIENTS = 32;
/** Bytes of one window's share: both residues of every coefficient that is decrypted. */
const WINDOW_BYTES = TEST_COEFFICIENTS * PRIMES.length * 8;

/** The collective key at the data level, and the transcript that u and m come from. */
export interface TestKey {
  readonly a: Poly;
  readonly b: Poly;
  readonly transcript: Uint8Array;
}

interface TestCiphertext {
  readonly c1: Poly;
  /** Coefficient residues of c0 where they are decrypted, prime by prime. */
  readonly c0: BigUint64Array;
  readonly values: readonly bigint[];
}

/**
 * Known values decrypted by every window of t neighbouring sites. Two neighbouring windows that both give the
 * collective secret at 0 have t-1 points in common, so their polynomials agree in t points and are one; by induction all
 * n key shares lie on one polynomial of degree below t, and every other t-subset decrypts too.
 *
 * The test ciphertext of window k is (b·u + Δ·m, a·u) with u, m from the transcript, so that nobody chooses it and
 * its decryption reveals nothing that is not public: the error left is u·Σe_i under the smudging. Only the first
 * coefficients are decrypted, since a wrong residue anywhere spreads over all of them.
 */
export class SelfTest {
  constructor(
    private readonly ring: Ring,
    private readonly header: KeyEpochHeader,
    private readonly thresholdizer: Thresholdizer,
  ) {}

  /** Body of `test`: this site's decryption share of every window it is in. */
  genShare(index: number, keyShare: Poly, key: TestKey, random: RandomWords): Uint8Array {
    const { ring } = this;
    using secrets = new Secrets();
    const parts = this.windowsOf(index).map((first) => {
      const xs = Array.from({ length: this.header.threshold }, (_, i) => first + i + 1);
      const additive = secrets.keep(this.thresholdizer.additiveShare(keyShare, index + 1, xs));
      const product = secrets.keep(ring.inverse(secrets.keep(ring.multiply(this.ciphertext(key, first).c1, additive))));
      const smudging = secrets.keep(ring.smudging(secrets.keep(random(DEGREE)), SMUDGING_BITS));
      return toBytes(tested(ring.add(product, smudging)));
    });
    return concat(prefix(this.header, CKKS_KIND.test), ...parts);
  }

  /** @param bodies of `test` in roster order. @throws HeError MESSAGE_MALFORMED naming a site, SELF_TEST_FAILED */
  verifyShares(bodies: readonly Uint8Array[], key: TestKey): void {
    const { roster, threshold } = this.header;
    const byWindow = bodies.map((body, i) => this.sharesOf(body, i));
    for (let first = 0; first <= roster.length - threshold; first++) {
      const shares = byWindow.slice(first, first + threshold).map((share) => present(share.get(first)));
      if (!decryptsTo(this.ciphertext(key, first), shares, roster.length)) {
        const sites = roster.slice(first, first + threshold).join(', ');
        throw new HeError(
          'SELF_TEST_FAILED',
          `known values did not decrypt with ${sites}: a key share was dealt or used wrongly; repeat the key ceremony`,
        );
      }
    }
  }

  /** First sites of the windows that a roster index belongs to. */
  private windowsOf(index: number): number[] {
    const { roster, threshold } = this.header;
    const first = Math.max(0, index - threshold + 1);
    const last = Math.min(index, roster.length - threshold);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  }

  private sharesOf(body: Uint8Array, index: number): Map<number, BigUint64Array> {
    const site = this.header.roster[index];
    const windows = this.windowsOf(index);
    const content = payload(
      body,
      prefix(this.header, CKKS_KIND.test),
      windows.length * WINDOW_BYTES,
      'MESSAGE_MALFORMED',
      site,
    );
    return new Map(
      windows.map((first, k) => {
        const share = toWords(content.subarray(k * WINDOW_BYTES, (k + 1) * WINDOW_BYTES));
        if (share.some((x, i) => x >= primeAt(i)))
          throw new HeError('MESSAGE_MALFORMED', 'a residue of a test share is not below its prime', site);
        return [first, share];
      }),
    );
  }

  private ciphertext({ a, b, transcript }: TestKey, window: number): TestCiphertext {
    const { ring } = this;
    const random = publicWords('self-test/v1', transcript, Uint8Array.of(window));
    const u = ring.forward(ring.fromSmall(ternary(random(DEGREE / 2))));
    const values = Array.from(random(TEST_COEFFICIENTS), (w) => w & 0xffffn);
    const c0 = tested(ring.inverse(ring.multiply(b, u))).map(
      (x, i) => (x + (values[i % TEST_COEFFICIENTS]! << BigInt(LOG_SCALE))) % primeAt(i),
    );
    return { c1: ring.multiply(a, u), c0, values };
  }
}

/** -1, 0 or 1 from every half word; the bias is below 2^-30 and the polynomial public. */
function ternary(words: BigUint64Array): Int32Array {
  const halves = new Uint32Array(words.buffer);
  const result = new Int32Array(halves.length);
  for (let i = 0; i < halves.length; i++) result[i] = (halves[i]! % 3) - 1;
  return result;
}

/** The coefficients that are decrypted, prime by prime. */
function tested(coefficients: Poly): BigUint64Array {
  const part = new BigUint64Array(TEST_COEFFICIENTS * PRIMES.length);
  PRIMES.forEach((_, j) =>
    part.set(coefficients.subarray(j * DEGREE, j * DEGREE + TEST_COEFFICIENTS), j * TEST_COEFFICIENTS),
  );
  return part;
}

/** True if the shares decrypt the test ciphertext to its values within the error bound. */
function decryptsTo(test: TestCiphertext, shares: readonly BigUint64Array[], sites: number): boolean {
  const [q0, q1] = PRIMES;
  const q = q0 * q1;
  const unit = q0 * invert(q0, q1);
  const bound = BigInt(DEGREE) * BigInt(sites) * ERROR_BOUND + (BigInt(shares.length) << BigInt(SMUDGING_BITS));
  return test.values.every((value, i) => {
    const at = (place: number): bigint => shares.reduce((sum, share) => sum + share[place]!, test.c0[place]!);
    const [x0, x1] = [at(i), at(i + TEST_COEFFICIENTS)];
    const x = (((x0 + (x1 - x0) * unit) % q) + q) % q;
    const error = (x - (value << BigInt(LOG_SCALE)) + q) % q;
    return error <= bound || q - error <= bound;
  });
}

const primeAt = (i: number): bigint => PRIMES[i < TEST_COEFFICIENTS ? 0 : 1];
