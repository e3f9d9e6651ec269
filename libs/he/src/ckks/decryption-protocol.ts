import type { Poly, Ring } from '../ring/ring.js';
import { Secrets } from '../secrets.js';
import { SMUDGING_BITS } from './parameters.js';

/**
 * Collective decryption of (c0, c1): key switching to the key 0 (Mouchet et al., eprint 2020/304, section 4.3) under
 * additive shares. Smudging hides the error that would otherwise tell something about a key share.
 */
export class DecryptionProtocol {
  /** @param ring at the data level */
  constructor(private readonly ring: Ring) {}

  /** h_j = λ_j·S_j·c1 + ε_j, ε_j uniform in ±2^53. @param words N secret ones, that are never used for another c1 */
  genShare(additiveShare: Poly, c1: Poly, words: BigUint64Array): Poly {
    const { ring } = this;
    using secrets = new Secrets();
    const smudging = secrets.keep(ring.forward(secrets.keep(ring.smudging(words, SMUDGING_BITS))));
    return ring.add(secrets.keep(ring.multiply(c1, additiveShare)), smudging);
  }

  /** Coefficient residues of c0 + Σ h_j = Δ·m + e. */
  aggregateShares(c0: Poly, shares: readonly Poly[]): Poly {
    return this.ring.inverse(shares.reduce((sum, share) => this.ring.add(sum, share), c0));
  }
}
