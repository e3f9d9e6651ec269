import { HeError } from '../errors.js';
import { present } from '../secrets.js';
import { instantiate, type Kernel60 } from './kernel.js';
import { type Modulus, modulus, shoup } from './modulus.js';

/** Residues of one polynomial, prime by prime, N each; in transformed (SEAL's NTT) order unless a name says coefficients. */
export type Poly = BigUint64Array;

/** Fills with random bytes; called with multiples of 8 only. */
export type RandomWords = (words: number) => BigUint64Array;

/**
 * R_q = Z_q[X]/(X^N+1), q a product of 60-bit primes, in residue form. Operations return fresh arrays and leave
 * nothing behind in the kernel's memory, which may have held secrets.
 */
export class Ring {
  private readonly kernel: Kernel60;
  private readonly tables: readonly number[];
  private readonly moduli: readonly Modulus[];
  private readonly scratch: BigUint64Array;
  private readonly at: readonly [number, number, number];

  constructor(
    module: WebAssembly.Module,
    readonly n: number,
    readonly primes: readonly bigint[],
  ) {
    const polyBytes = n * 8;
    this.moduli = primes.map((q) => modulus(q, n));
    const scratchAt = 1024;
    const tablesAt = scratchAt + 3 * polyBytes;
    this.kernel = instantiate(module, tablesAt + primes.length * 4 * polyBytes) as Kernel60;
    this.at = [scratchAt, scratchAt + polyBytes, scratchAt + 2 * polyBytes];
    this.scratch = new BigUint64Array(this.kernel.memory.buffer, scratchAt, 3 * n);
    this.tables = this.moduli.map((m, j) => {
      const at = tablesAt + j * 4 * polyBytes;
      [m.roots, m.rootShoups, m.inverseRoots, m.inverseRootShoups].forEach((table, i) =>
        new BigUint64Array(this.kernel.memory.buffer, at + i * polyBytes, n).set(table),
      );
      return at;
    });
  }

  get length(): number {
    return this.n * this.primes.length;
  }

  zero(): Poly {
    return new BigUint64Array(this.length);
  }

  /** True if the length is right and every residue is below its prime. */
  isReduced(a: Poly): boolean {
    let good = a.length === this.length;
    if (good)
      this.each([a], (m, x) => {
        good = this.kernel.isReduced(x, this.n, m.q) === 1 && good;
      });
    return good;
  }

  add(a: Poly, b: Poly): Poly {
    return this.each([a, b], (m, x, y, out) => this.kernel.add(out, x, y, this.n, m.q));
  }

  subtract(a: Poly, b: Poly): Poly {
    return this.each([a, b], (m, x, y, out) => this.kernel.subtract(out, x, y, this.n, m.q));
  }

  /** The ring product, of operands in transformed order. */
  multiply(a: Poly, b: Poly): Poly {
    return this.each([a, b], (m, x, y, out) => this.kernel.multiply(out, x, y, this.n, m.q, m.mu));
  }

  /** a times an integer. */
  scale(a: Poly, factor: bigint): Poly {
    return this.scaleEach(
      a,
      this.primes.map(() => factor),
    );
  }

  /** a times one integer per prime. */
  scaleEach(a: Poly, factors: readonly bigint[]): Poly {
    return this.each([a], (m, x, _, out) => {
      const factor = present(factors[this.primes.indexOf(m.q)]);
      const w = ((factor % m.q) + m.q) % m.q;
      this.kernel.scale(out, x, this.n, w, shoup(w, m.q), m.q);
    });
  }

  /** Coefficient residues to transformed order. */
  forward(coefficients: Poly): Poly {
    return this.each([coefficients], (m, x, _, out, table) => {
      this.copy(x, out);
      this.kernel.forward(out, this.n, m.q, table, table + this.n * 8);
    });
  }

  /** Transformed order to coefficient residues. */
  inverse(a: Poly): Poly {
    return this.each([a], (m, x, _, out, table) => {
      this.copy(x, out);
      const bytes = this.n * 8;
      this.kernel.inverse(out, this.n, m.q, table + 2 * bytes, table + 3 * bytes, m.inverseN, shoup(m.inverseN, m.q));
    });
  }

  /** Integers, each of magnitude below the smallest prime, to coefficient residues. */
  fromSigned(coefficients: BigInt64Array): Poly {
    return this.repeat(new BigUint64Array(coefficients.buffer, coefficients.byteOffset, this.n), (m, x, out) =>
      this.kernel.fromSigned(out, x, this.n, m.q),
    );
  }

  /** Coefficient residues of integers uniform in [-2^bits, 2^bits), one random word each. */
  smudging(words: BigUint64Array, bits: number): Poly {
    return this.repeat(words, (m, x, out) => this.kernel.smudge(out, x, this.n, bits, m.q));
  }

  /** A uniform element, by rejection. */
  uniform(random: RandomWords): Poly {
    return this.each([], (m, _, words, out) => {
      for (let found = 0; found < this.n;) {
        const missing = this.n - found;
        this.view(words).set(random(missing));
        found += this.kernel.uniform(out + found * 8, words, missing, missing, m.q);
      }
    });
  }

  /** Integers below 2^31 in magnitude to coefficient residues. */
  fromSmall(coefficients: Int32Array): Poly {
    const wide = new Int32Array(2 * this.n);
    coefficients.forEach((x, i) => {
      wide[2 * i] = x;
      wide[2 * i + 1] = x >> 31;
    });
    const residues = this.fromSigned(new BigInt64Array(wide.buffer));
    wide.fill(0);
    return residues;
  }

  /** The inverse of `fromSmall`: only the low halves of the first prime's residues are needed. */
  toSmall(coefficients: Poly): Int32Array {
    const q = this.primes[0]!;
    const low = Number(q & 0xffff_ffffn);
    const halves = new Uint32Array(coefficients.buffer, coefficients.byteOffset, 2 * this.n);
    // A residue above 2^31 stands for x + q with x negative.
    return Int32Array.from({ length: this.n }, (_, i) => {
      const x = halves[2 * i]!;
      return halves[2 * i + 1] === 0 && x < 2 ** 31 ? x : (x - low) | 0;
    });
  }

  private view(at: number): BigUint64Array {
    return this.scratch.subarray((at - 1024) / 8, (at - 1024) / 8 + this.n);
  }

  private copy(from: number, to: number): void {
    this.view(to).set(this.view(from));
  }

  private repeat(word: BigUint64Array, run: (m: Modulus, x: number, out: number) => void): Poly {
    const repeated = this.zero();
    this.primes.forEach((_, j) => repeated.set(word.subarray(0, this.n), j * this.n));
    const result = this.each([repeated], (m, x, _, out) => run(m, x, out));
    repeated.fill(0n);
    return result;
  }

  private each(
    operands: readonly Poly[],
    run: (m: Modulus, x: number, y: number, out: number, table: number) => void,
  ): Poly {
    // The scratch holds zeros: what an operand lacks would count as 0.
    if (operands.some((operand) => operand.length < this.length))
      throw new HeError('STATE_INVALID', 'a ring element is cut short');
    const result = this.zero();
    const [x, y, out] = this.at;
    this.moduli.forEach((m, j) => {
      const part = j * this.n;
      operands.forEach((operand, i) => this.view(i === 0 ? x : y).set(operand.subarray(part, part + this.n)));
      run(m, x, y, out, this.tables[j]!);
      result.set(this.view(out), part);
    });
    this.scratch.fill(0n);
    return result;
  }
}
