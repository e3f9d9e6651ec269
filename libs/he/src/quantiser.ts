import { HeError } from './errors.js';

const CHUNK = 16_384;
/** A random word times this is below 1. */
const UNIT = 2 ** -32;

/**
 * Real numbers in [-range, range] to integers below 2^bits and sums of them back. The grid has 2^bits - 1 points, so
 * that 0 is one of them. Rounding is stochastic: up with the probability of the fraction, hence unbiased, with an
 * error below one step (Alistarh et al., "QSGD", 2017).
 */
export class Quantiser {
  /** Distance of two grid points. */
  readonly step: number;
  /** The grid point of 0. */
  private readonly zero: number;

  private constructor(
    readonly bits: 8 | 16,
    readonly range: number,
  ) {
    this.zero = 2 ** (bits - 1) - 1;
    this.step = range / this.zero;
  }

  /** @throws HeError QUANTISER_INVALID */
  static from({ bits, range }: { readonly bits: 8 | 16; readonly range: number }): Quantiser {
    if (bits !== 8 && bits !== 16) throw new HeError('QUANTISER_INVALID', 'bits must be 8 or 16');
    if (!(range > 0 && Number.isFinite(range)))
      throw new HeError('QUANTISER_INVALID', 'range must be a positive finite number');
    return new Quantiser(bits, range);
  }

  /**
   * @param values clipped to [-range, range]
   * @param randomBytes a CSPRNG; four bytes per value
   * @throws HeError VALUE_OUT_OF_RANGE when a value is not finite
   */
  quantise(values: Float32Array, randomBytes: (length: number) => Uint8Array): Uint32Array {
    // A million values pass here in a round: everything that does not change stands before the loop.
    const range = this.range;
    const zero = this.zero;
    const result = new Uint32Array(values.length);
    for (let from = 0; from < values.length; from += CHUNK) {
      const to = Math.min(from + CHUNK, values.length);
      const random = new Uint32Array(new Uint8Array(randomBytes((to - from) * 4)).buffer);
      for (let i = from; i < to; i++) {
        const value = values[i]!;
        // Nothing but NaN and the infinities leaves something when taken from itself.
        if (value - value !== 0) throw new HeError('VALUE_OUT_OF_RANGE', 'a value to be encrypted is not finite');
        const clipped = value > range ? range : value < -range ? -range : value;
        // The random number is below 1, so a grid point stays where it is. The sum is not negative: the conversion is floor.
        result[i] = (clipped / range) * zero + zero + random[i - from]! * UNIT;
      }
    }
    return result;
  }

  /** Sums of `uploads` quantised values to sums of real numbers, each within `uploads` steps of the exact one. */
  dequantiseSum(sums: Uint32Array, uploads: number): Float64Array {
    const result = new Float64Array(sums.length);
    const offset = uploads * this.zero;
    const step = this.step;
    for (let i = 0; i < sums.length; i++) result[i] = (sums[i]! - offset) * step;
    return result;
  }
}
