/** Number theory on BigInt, for set-up only: tables, weights, moduli. Public inputs; not constant time. */

export function power(base: bigint, exponent: bigint, q: bigint): bigint {
  let result = 1n;
  for (let b = base % q, e = exponent; e > 0n; e >>= 1n, b = (b * b) % q) if (e & 1n) result = (result * b) % q;
  return result;
}

/** a^-1 modulo a prime, by Fermat. */
export function invert(a: bigint, prime: bigint): bigint {
  return power(((a % prime) + prime) % prime, prime - 2n, prime);
}

/**
 * The smallest primitive 2n-th root of unity modulo a prime q ≡ 1 (mod 2n), n a power of two.
 * SEAL picks the smallest too, which makes residues in transformed order interchangeable with its own.
 */
export function smallestRoot(n: number, q: bigint): bigint {
  const order = BigInt(2 * n);
  let root = 0n;
  for (let g = 2n; root === 0n; g++) {
    const candidate = power(g, (q - 1n) / order, q);
    if (power(candidate, order / 2n, q) === q - 1n) root = candidate;
  }
  // The primitive roots are exactly the odd powers of one of them.
  const square = (root * root) % q;
  let smallest = root;
  for (let i = 1, r = root; i < n; i++) {
    r = (r * square) % q;
    if (r < smallest) smallest = r;
  }
  return smallest;
}

export function bitReverse(i: number, bits: number): number {
  let r = 0;
  for (let b = 0; b < bits; b++) r = (r << 1) | ((i >> b) & 1);
  return r;
}
