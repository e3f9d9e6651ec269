import { publicWords } from '../random.js';
import { invert } from '../ring/modular.js';
import type { Poly, Ring } from '../ring/ring.js';
import { ERROR_BOUND } from './noise-budget.js';
import { DEGREE, LOG_SCALE, PRIMES, SMUDGING_BITS } from './parameters.js';

/**
 * Known values decrypted by every window of t neighbouring sites. Two neighbouring windows that both give the
 * collective secret at 0 share t-1 points, so their polynomials agree in t points and are one; by induction all n
 * shares lie on one polynomial of degree below t, and every other t-subset decrypts too.
 *
 * The test ciphertext of window k is (b·u + Δ·m, a·u) with u, m from the transcript, so that nobody chooses it and
 * its opening reveals nothing that is not public: the error left is u·Σe_i under the smudging. Only the first
 * coefficients are opened, since a wrong residue anywhere spreads over all of them.
 */
export const TEST_COEFFICIENTS = 32;
/** Bytes of one window's share: both residues of every opened coefficient. */
export const TEST_SHARE_BYTES = TEST_COEFFICIENTS * PRIMES.length * 8;

/** First sites of the windows that roster index `site` belongs to. */
export function windowsOf(site: number, n: number, threshold: number): number[] {
  const first = Math.max(0, site - threshold + 1);
  const last = Math.min(site, n - threshold);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

export interface TestCiphertext {
  readonly c1: Poly;
  /** Coefficient residues of c0 where they are opened, prime by prime. */
  readonly c0: BigUint64Array;
  readonly values: readonly bigint[];
}

export function testCiphertext(ring: Ring, a: Poly, b: Poly, transcript: Uint8Array, window: number): TestCiphertext {
  const random = publicWords('self-test/v1', transcript, Uint8Array.of(window));
  const u = ring.forward(ring.fromSmall(ternary(random(DEGREE / 2))));
  const values = Array.from(random(TEST_COEFFICIENTS), (w) => w & 0xffffn);
  const c0 = opened(ring.inverse(ring.multiply(b, u))).map(
    (x, i) => (x + (values[i % TEST_COEFFICIENTS]! << BigInt(LOG_SCALE))) % primeAt(i),
  );
  return { c1: ring.multiply(a, u), c0, values };
}

/** -1, 0 or 1 from every half word; the bias is below 2^-30 and the polynomial public. */
function ternary(words: BigUint64Array): Int32Array {
  const halves = new Uint32Array(words.buffer);
  const result = new Int32Array(halves.length);
  for (let i = 0; i < halves.length; i++) result[i] = (halves[i]! % 3) - 1;
  return result;
}

/** The coefficients that are opened, prime by prime. */
export function opened(coefficients: Poly): BigUint64Array {
  const part = new BigUint64Array(TEST_COEFFICIENTS * PRIMES.length);
  PRIMES.forEach((_, j) =>
    part.set(coefficients.subarray(j * DEGREE, j * DEGREE + TEST_COEFFICIENTS), j * TEST_COEFFICIENTS),
  );
  return part;
}

/** True if the shares open the test ciphertext to its values within the error bound. */
export function opensTo(test: TestCiphertext, shares: readonly BigUint64Array[], sites: number): boolean {
  if (shares.some((share) => share.length !== test.c0.length)) return false;
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

export const isReducedTestShare = (share: BigUint64Array): boolean => share.every((x, i) => x < primeAt(i));

const primeAt = (i: number): bigint => PRIMES[i < TEST_COEFFICIENTS ? 0 : 1];
