import type { Poly, RandomWords, Ring } from '../ring/ring.js';
import { Secrets, present } from '../secrets.js';
import { lagrangeWeight } from '../shamir.js';

/**
 * t-of-n access to Σ s_i (Mouchet et al., eprint 2022/780, section 4): every site deals Shamir shares of its secret key,
 * over every prime at once; the sum of what one site was dealt is its key share, and any t key shares times their
 * Lagrange weights are additive shares of Σ s_i. The x coordinate of a site is its roster index plus one.
 */
export class Thresholdizer {
  constructor(
    private readonly ring: Ring,
    private readonly threshold: number,
    private readonly n: number,
  ) {}

  /** f(1), …, f(n) of f(x) = secretKey + Σ r_k·x^k with t-1 uniform r_k. */
  genShares(secretKey: Poly, random: RandomWords): Poly[] {
    using secrets = new Secrets();
    const coefficients = [secretKey];
    while (coefficients.length < this.threshold) coefficients.push(secrets.keep(this.ring.uniform(random)));
    return Array.from({ length: this.n }, (_, i) => this.evaluate(coefficients, BigInt(i + 1)));
  }

  /** The key share S_j = Σ f_i(j) of one site; the caller zeroises it. */
  aggregateShares(dealt: readonly Poly[]): Poly {
    using secrets = new Secrets();
    const [first, ...rest] = dealt;
    return rest.reduce((sum, share) => this.ring.add(secrets.keep(sum), share), present(first).slice());
  }

  /** λ_x·S for the points `xs`, prime by prime. */
  additiveShare(keyShare: Poly, x: number, xs: readonly number[]): Poly {
    const points = xs.map(BigInt);
    return this.ring.scaleEach(
      keyShare,
      this.ring.primes.map((q) => lagrangeWeight(BigInt(x), points, q)),
    );
  }

  /** Horner's rule. */
  private evaluate(coefficients: readonly Poly[], x: bigint): Poly {
    const { ring } = this;
    using secrets = new Secrets();
    const [constant, ...higher] = coefficients;
    const rest = higher.reduceRight<Poly>(
      (sum, coefficient) => secrets.keep(ring.scale(secrets.keep(ring.add(sum, coefficient)), x)),
      ring.zero(),
    );
    return ring.add(rest, present(constant));
  }
}
