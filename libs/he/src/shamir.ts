import { invert } from './ring/modular.js';
import type { Poly, RandomWords, Ring } from './ring/ring.js';
import { Secrets, present } from './secrets.js';

/** Lagrange weight at 0 of the point `x` among the points `xs`, modulo a prime (Shamir 1979). */
export function lagrangeWeight(x: bigint, xs: readonly bigint[], prime: bigint): bigint {
  let numerator = 1n;
  let denominator = 1n;
  for (const other of xs) {
    if (other === x) continue;
    numerator = (numerator * (other % prime)) % prime;
    denominator = (denominator * ((((other - x) % prime) + prime) % prime)) % prime;
  }
  return (numerator * invert(denominator, prime)) % prime;
}

/**
 * Shares of a ring element at x = 1..n: f(x) = secret + Σ r_k·x^k with t-1 uniform r_k, over every prime at once
 * (Mouchet et al., eprint 2022/780, section 4).
 */
export function shareOut(ring: Ring, secret: Poly, threshold: number, n: number, random: RandomWords): Poly[] {
  using secrets = new Secrets();
  const coefficients = [secret];
  while (coefficients.length < threshold) coefficients.push(secrets.keep(ring.uniform(random)));
  return Array.from({ length: n }, (_, i) => evaluate(ring, coefficients, BigInt(i + 1)));
}

/** Horner's rule. */
function evaluate(ring: Ring, coefficients: readonly Poly[], x: bigint): Poly {
  using secrets = new Secrets();
  const [constant, ...higher] = coefficients;
  const rest = higher.reduceRight<Poly>(
    (sum, coefficient) => secrets.keep(ring.scale(secrets.keep(ring.add(sum, coefficient)), x)),
    ring.zero(),
  );
  return ring.add(rest, present(constant));
}

/** A share times its Lagrange weight for the active set, prime by prime; x coordinates are roster index + 1. */
export function weighted(ring: Ring, share: Poly, x: number, activeXs: readonly number[]): Poly {
  const xs = activeXs.map(BigInt);
  return ring.scaleEach(
    share,
    ring.primes.map((q) => lagrangeWeight(BigInt(x), xs, q)),
  );
}
