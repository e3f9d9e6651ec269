import { HeError } from '../errors.js';

/** What decides the error of a decrypted sum. */
export interface NoiseInput {
  readonly sites: number;
  readonly threshold: number;
  readonly uploads: number;
  readonly bits: number;
  readonly n: number;
  readonly primes: readonly bigint[];
  readonly specialPrime: bigint;
  readonly logScale: number;
  readonly smudgingBits: number;
  readonly valuesPerCoefficient: number;
  readonly guardBits: number;
}

/** Worst-case bounds on |error| per coefficient, before division by Δ. */
export interface NoiseBudget {
  /** One fresh encryption under the collective key. */
  readonly fresh: bigint;
  /** The sum of all uploads. */
  readonly aggregate: bigint;
  /** All smudging of t decryptors. */
  readonly smudging: bigint;
  /** aggregate + smudging: what `combine` accepts. */
  readonly total: bigint;
  /** log2 of one site's largest smudging. */
  readonly smudgingBits: number;
  /** log2 of (Δ/2) / total: above 0 the rounded sum is exact. */
  readonly marginBits: number;
  /** log2 of one site's smudging over the error it hides. */
  readonly hidingBits: number;
  /** Bits left between the largest packed sum times Δ and Q. */
  readonly headroomBits: number;
}

/** Largest |e| of SEAL's centred binomial error (21 coin pairs, standard deviation 3.24). */
export const ERROR_BOUND = 21n;

/**
 * Bounds for SEAL's public-key encryption with one special prime p and ternary s_i, u (Mouchet et al. 2020/304, 3.4).
 * At the key level |u·Σe_i + e_0 + e_1·Σs_i| <= (2·N·sites + 1)·21; dividing by p leaves the rounding of both
 * polynomials, |r_0 + r_1·Σs_i| <= (1 + N·sites)/2.
 * @throws HeError NOISE_BUDGET_EXCEEDED when a sum could round wrongly or overflow
 */
export function noiseBudget(input: NoiseInput): NoiseBudget {
  const { sites, uploads, threshold, bits, n, logScale, smudgingBits, valuesPerCoefficient, guardBits } = input;
  const keyLevel = (2n * BigInt(n) * BigInt(sites) + 1n) * ERROR_BOUND;
  const fresh = keyLevel / input.specialPrime + 1n + (1n + BigInt(n) * BigInt(sites) + 1n) / 2n;
  const aggregate = BigInt(uploads) * fresh;
  const smudging = BigInt(threshold) << BigInt(smudgingBits);
  const total = aggregate + smudging;
  const half = 1n << BigInt(logScale - 1);
  const product = input.primes.reduce((q, prime) => q * prime, 1n);
  const packedBits = valuesPerCoefficient * (bits + guardBits);
  const largest = ((1n << BigInt(packedBits)) << BigInt(logScale)) + half;
  const refuse = (text: string): never => {
    throw new HeError('NOISE_BUDGET_EXCEEDED', text);
  };
  if (uploads * (2 ** bits - 1) >= 2 ** (bits + guardBits))
    refuse('more uploads than the guard bits of a packed value hold');
  if (largest >= product) refuse('packed sums at this scale do not fit the coefficient modulus');
  if (total >= half) refuse('error and smudging of these decryptors reach half the scale');
  const log2 = (x: bigint): number => Math.log2(Number(x));
  return {
    fresh,
    aggregate,
    smudging,
    total,
    smudgingBits,
    marginBits: log2(half) - log2(total),
    hidingBits: smudgingBits - log2(aggregate),
    headroomBits: log2(product) - log2(largest),
  };
}
