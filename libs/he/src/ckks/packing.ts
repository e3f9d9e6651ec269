import { HeError } from '../errors.js';
import { instantiate, type Kernel60 } from '../ring/kernel.js';
import { invert } from '../ring/modular.js';
import { shoup } from '../ring/modulus.js';
import type { Poly, Ring } from '../ring/ring.js';
import { Secrets } from '../secrets.js';
import { type CkksParameters, DEGREE, LOG_SCALE, PRIMES } from './parameters.js';

const WORDS_AT = 1024;

/** Coefficient packing: values to plaintext polynomials and back, k values per coefficient with guard bits, times Δ. Exact on integers. */
export class Packing {
  private readonly kernel: Kernel60;
  private readonly words: BigUint64Array;
  private readonly valuesAt: number;

  constructor(
    module: WebAssembly.Module,
    private readonly parameters: CkksParameters,
  ) {
    this.valuesAt = WORDS_AT + 2 * DEGREE * 8 + 16;
    this.kernel = instantiate(module, this.valuesAt + parameters.valuesPerBlock * 4) as Kernel60;
    this.words = new BigUint64Array(this.kernel.memory.buffer, WORDS_AT, 2 * DEGREE + 2);
  }

  /** Δ·m in transformed order; missing values of the last block are 0. @throws HeError VALUE_OUT_OF_RANGE */
  encode(ring: Ring, values: Uint32Array): Poly {
    const { valuesPerCoefficient: k, fieldBits, header } = this.parameters;
    const target = this.values();
    target.fill(0, values.length);
    target.set(values);
    const tooLarge = this.kernel.pack(WORDS_AT, this.valuesAt, DEGREE, k, fieldBits, header.bits);
    using secrets = new Secrets();
    const integers = secrets.keep(new BigInt64Array(this.words.slice(0, DEGREE).buffer));
    const packed = secrets.keep(ring.fromSigned(integers));
    this.wipe();
    if (tooLarge) throw new HeError('VALUE_OUT_OF_RANGE', `every value must be below 2^${header.bits}`);
    return ring.forward(secrets.keep(ring.scale(packed, 1n << BigInt(LOG_SCALE))));
  }

  /**
   * Rounds coefficient residues of Δ·m + e to the sums.
   * @throws HeError COMBINE_FAILED when no sum of this many uploads with errors below the bound looks like this
   */
  decode(coefficients: Poly, uploads: number): { sums: Uint32Array; worstError: bigint } {
    const { valuesPerCoefficient: k, fieldBits, header } = this.parameters;
    const [q0, q1] = PRIMES;
    const product = q0 * q1;
    const inverse = invert(q0, q1);
    const noiseAt = WORDS_AT + 2 * DEGREE * 8;
    this.words.set(coefficients);
    const flags = this.kernel.decode(
      this.valuesAt,
      WORDS_AT,
      WORDS_AT + DEGREE * 8,
      DEGREE,
      k,
      fieldBits,
      LOG_SCALE,
      uploads * (2 ** header.bits - 1),
      q0,
      q1,
      inverse,
      shoup(inverse, q1),
      product >> 64n,
      product & 0xffff_ffff_ffff_ffffn,
      noiseAt,
    );
    const worstError = this.words[2 * DEGREE]!;
    const sums = this.values().slice();
    this.wipe();
    if (flags !== 0 || worstError > this.parameters.noise(uploads).total) {
      throw new HeError(
        'COMBINE_FAILED',
        'decryption shares and sum do not decrypt to integers: a share is wrong, or made for another sum or other decryptors',
      );
    }
    return { sums, worstError };
  }

  private values(): Uint32Array {
    return new Uint32Array(this.kernel.memory.buffer, this.valuesAt, this.parameters.valuesPerBlock);
  }

  private wipe(): void {
    this.words.fill(0n);
    this.values().fill(0);
  }
}
