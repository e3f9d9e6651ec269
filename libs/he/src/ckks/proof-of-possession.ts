import { createHash } from 'node:crypto';
import { publicWords } from '../random.js';
import type { Poly, RandomWords, Ring } from '../ring/ring.js';
import { Secrets } from '../secrets.js';
import { concat, toBytes, toWords } from '../wire.js';
import { ERROR_BOUND } from './noise-budget.js';

/**
 * A site proves that it knows small s, e with b = e - a·s, for this epoch and under its own name.
 * Fiat-Shamir with aborts (Lyubashevsky, "Lattice signatures without trapdoors", 2012): masks y_s, y_e are uniform
 * below 2^30, w = y_e - a·y_s, c = H(statement, w) has 32 coefficients ±1, z = y + c·(s, e). Accepted answers lie in
 * [-2^30 + β, 2^30 - β], β = 32·21 >= |c·s|, |c·e|, where they are uniform whatever s and e are. Like every proof of
 * this kind it shows a multiple of b by a small ring element, which is enough to exclude a key nobody holds.
 */
const MASK_BITS = 30;
const WEIGHT = 32;
const LARGEST = 2 ** MASK_BITS - WEIGHT * Number(ERROR_BOUND);

export const proofBytes = (n: number): number => 32 + 2 * n * 4;

export interface Statement {
  readonly a: Poly;
  readonly b: Poly;
  /** Header digest and site: a proof copied from elsewhere does not verify. */
  readonly context: Uint8Array;
}

/** About one attempt in a hundred is rejected and repeated. */
export function prove(ring: Ring, statement: Statement, secret: Poly, error: Poly, random: RandomWords): Uint8Array {
  for (;;) {
    using secrets = new Secrets();
    const mask = (): Poly =>
      secrets.keep(ring.forward(secrets.keep(ring.smudging(secrets.keep(random(ring.n)), MASK_BITS))));
    const [maskS, maskE] = [mask(), mask()];
    const seed = challengeSeed(statement, ring.subtract(maskE, secrets.keep(ring.multiply(statement.a, maskS))));
    const c = challenge(ring, seed);
    const answers = (
      [
        [maskS, secret],
        [maskE, error],
      ] as const
    ).map(([y, x]) => {
      const z = secrets.keep(ring.add(y, secrets.keep(ring.multiply(c, x))));
      // A rejected answer would tell something about the secret.
      return secrets.keep(ring.toSmall(secrets.keep(ring.inverse(z))));
    });
    if (answers.every(isSmall)) return concat(seed, ...answers.map(toBytes));
  }
}

/** @param proof exactly `proofBytes(N)` bytes */
export function verify(ring: Ring, statement: Statement, proof: Uint8Array): boolean {
  const answers = [0, 1].map((i) => {
    const bytes = proof.slice(32 + i * ring.n * 4, 32 + (i + 1) * ring.n * 4);
    return new Int32Array(bytes.buffer);
  });
  if (!answers.every(isSmall)) return false;
  const seed = proof.subarray(0, 32);
  const [zS, zE] = answers.map((z) => ring.forward(ring.fromSmall(z)));
  if (!zS || !zE) return false;
  // z_e - a·z_s - c·b = y_e - a·y_s = w
  const w = ring.subtract(
    ring.subtract(zE, ring.multiply(statement.a, zS)),
    ring.multiply(challenge(ring, seed), statement.b),
  );
  return Buffer.compare(challengeSeed(statement, w), seed) === 0;
}

const isSmall = (z: Int32Array): boolean => z.every((x) => x <= LARGEST && x >= -LARGEST);

function challengeSeed({ b, context }: Statement, w: Poly): Uint8Array {
  return createHash('sha256')
    .update('koinon/he/possession/v1\0')
    .update(context)
    .update(toBytes(b))
    .update(toBytes(w))
    .digest();
}

/** The seed's polynomial with 32 coefficients ±1 at distinct uniform places, in transformed order. */
function challenge(ring: Ring, seed: Uint8Array): Poly {
  const random = publicWords('possession-challenge/v1', toBytes(toWords(seed)));
  const c = new Int32Array(ring.n);
  for (let set = 0; set < WEIGHT;) {
    const word = random(1)[0]!;
    const at = Number(word & BigInt(ring.n - 1));
    if (c[at] !== 0) continue;
    c[at] = word >> 63n ? -1 : 1;
    set++;
  }
  return ring.forward(ring.fromSmall(c));
}
