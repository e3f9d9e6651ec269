import { invert } from './ring/modular.js';

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
