import { HeError } from '../errors.js';
import { Secrets, present } from '../secrets.js';
import { lagrangeWeight } from '../shamir.js';

/** The largest 16-bit prime; summed secret keys stay far below half of it. */
export const FIELD = 65_521;

/** Shamir's secret sharing over GF(65521), coefficient by coefficient (Shamir 1979); the x of a site is its roster index plus one. */
export const fieldSharing = {
  /** `n` shares at x = 1..n of every coefficient, f(x) = secret + Σ r_k·x^k with t-1 uniform r_k. */
  genShares(
    secret: Int32Array,
    threshold: number,
    n: number,
    randomBytes: (length: number) => Uint8Array,
  ): Uint16Array[] {
    using secrets = new Secrets();
    const coefficients: Uint16Array[] = [secrets.keep(Uint16Array.from(secret, (x) => ((x % FIELD) + FIELD) % FIELD))];
    while (coefficients.length < threshold) coefficients.push(secrets.keep(uniform(secret.length, randomBytes)));
    return Array.from({ length: n }, (_, i) =>
      Uint16Array.from({ length: secret.length }, (_unused, at) =>
        coefficients.reduceRight((sum, coefficient) => (sum * (i + 1) + coefficient[at]!) % FIELD, 0),
      ),
    );
  },

  /** The sum of shares at one x: a share of the summed secret. @throws HeError STATE_INVALID when one is missing or cut short */
  aggregateShares(shares: readonly Uint16Array[]): Uint16Array {
    const total = new Uint32Array(lengthOf(shares));
    for (const share of shares) for (let at = 0; at < total.length; at++) total[at]! += share[at]!;
    return Uint16Array.from(total, (sum) => sum % FIELD);
  },

  /** The secret behind t shares, as integers in (-FIELD/2, FIELD/2). @throws HeError STATE_INVALID when one is missing or cut short */
  reconstruct(shares: readonly { readonly x: number; readonly share: Uint16Array }[]): Int32Array {
    const xs = shares.map(({ x }) => BigInt(x));
    const weights = xs.map((x) => Number(lagrangeWeight(x, xs, BigInt(FIELD))));
    return Int32Array.from({ length: lengthOf(shares.map(({ share }) => share)) }, (_, at) => {
      const value = shares.reduce((sum, { share }, i) => (sum + share[at]! * weights[i]!) % FIELD, 0);
      return value > FIELD / 2 ? value - FIELD : value;
    });
  },

  isReduced: (share: Uint16Array): boolean => share.every((x) => x < FIELD),
} as const;

function lengthOf(shares: readonly Uint16Array[]): number {
  const { length } = present(shares[0]);
  if (length === 0 || shares.some((share) => share.length !== length))
    throw new HeError('STATE_INVALID', 'a key share of this key epoch is cut short');
  return length;
}

function uniform(length: number, randomBytes: (length: number) => Uint8Array): Uint16Array {
  const result = new Uint16Array(length);
  for (let found = 0; found < length;) {
    for (const x of new Uint16Array(new Uint8Array(randomBytes((length - found) * 2)).buffer))
      if (x < FIELD) result[found++] = x;
  }
  return result;
}
