import { HeError } from './errors.js';

const CHUNK = 16_384;
const TWO_32 = 2 ** 32;

/**
 * Real numbers in [-range, range] to integers below 2^bits and sums of them back. The grid has 2^bits - 1 points, so
 * that 0 is one of them. Rounding is stochastic: up with the probability of the fraction, hence unbiased, with an
 * error below one step (Alistarh et al., "QSGD", 2017).
 */
export class Quantiser {
  private constructor(readonly bits: 8 | 16, readonly range: number) {}

  /** @throws HeError QUANTISER_INVALID */
  static from({ bits, range }: { readonly bits: 8 | 16; readonly range: number }): Quantiser {
    if (bits !== 8 && bits !== 16) throw new HeError('QUANTISER_INVALID', 'bits must be 8 or 16');
    if (!(range > 0 && Number.isFinite(range))) throw new HeError('QUANTISER_INVALID', 'range must be a positive finite number');
    return new Quantiser(bits, range);
  }

  /** Distance of two grid points. */
  get step(): number {
    return this.range / this.#zero;
  }

  /**
   * @param values clipped to [-range, range]
   * @param randomBytes a CSPRNG; four bytes per value
   * @throws HeError VALUE_OUT_OF_RANGE when a value is not finite
   */
  quantise(values: Float32Array, randomBytes: (length: number) => Uint8Array): Uint32Array {
    const result = new Uint32Array(values.length);
    for (let from = 0; from < values.length; from += CHUNK) {
      const to = Math.min(from + CHUNK, values.length);
      const random = new Uint32Array(new Uint8Array(randomBytes((to - from) * 4)).buffer);
      for (let i = from; i < to; i++) {
        const value = values[i] ?? 0;
        if (!Number.isFinite(value)) throw new HeError('VALUE_OUT_OF_RANGE', 'a value to be encrypted is not finite');
        const clipped = Math.min(Math.max(value, -this.range), this.range);
        // The random number is below 1, so a grid point stays where it is.
        result[i] = Math.floor((clipped / this.range) * this.#zero + this.#zero + (random[i - from] ?? 0) / TWO_32);
      }
    }
    return result;
  }

  /** Sums of `uploads` quantised values to sums of real numbers, each within `uploads` steps of the exact one. */
  dequantiseSum(sums: Uint32Array, uploads: number): Float64Array {
    return Float64Array.from(sums, (sum) => (sum - uploads * this.#zero) * this.step);
  }

  get #zero(): number {
    return 2 ** (this.bits - 1) - 1;
  }
}
