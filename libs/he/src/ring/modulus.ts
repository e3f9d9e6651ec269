import { bitReverse, invert, power, smallestRoot } from './modular.js';

/** A 60-bit prime q ≡ 1 (mod 2N) with its transform tables; Shoup companions are floor(w·2^64/q). */
export interface Modulus {
  readonly q: bigint;
  /** floor(2^122/q), for Barrett. */
  readonly mu: bigint;
  readonly roots: BigUint64Array;
  readonly rootShoups: BigUint64Array;
  readonly inverseRoots: BigUint64Array;
  readonly inverseRootShoups: BigUint64Array;
  readonly inverseN: bigint;
}

export const shoup = (w: bigint, q: bigint): bigint => (w << 64n) / q;

const cache = new Map<string, Modulus>();

export function modulus(q: bigint, n: number): Modulus {
  const key = `${q}/${n}`;
  let found = cache.get(key);
  if (!found) cache.set(key, (found = build(q, n)));
  return found;
}

function build(q: bigint, n: number): Modulus {
  if (q >> 59n !== 1n || (q - 1n) % BigInt(2 * n) !== 0n)
    throw new RangeError('modulus must be a 60-bit prime, 1 modulo 2N');
  const root = smallestRoot(n, q);
  const [roots, rootShoups] = powers(root, q, n);
  const [inverseRoots, inverseRootShoups] = powers(power(root, q - 2n, q), q, n);
  return {
    q,
    mu: (1n << 122n) / q,
    roots,
    rootShoups,
    inverseRoots,
    inverseRootShoups,
    inverseN: invert(BigInt(n), q),
  };
}

function powers(root: bigint, q: bigint, n: number): [BigUint64Array, BigUint64Array] {
  const bits = Math.log2(n);
  const values = new BigUint64Array(n);
  const shoups = new BigUint64Array(n);
  for (let i = 0, w = 1n; i < n; i++, w = (w * root) % q) {
    const at = bitReverse(i, bits);
    values[at] = w;
    shoups[at] = shoup(w, q);
  }
  return [values, shoups];
}
