import { MAX_SITES, checkHeader } from '../header.js';
import { HeError } from '../errors.js';
import type { BlockLayout, EpochHeader } from '../scheme.js';
import { SHARE_LABEL_BYTES } from '../sum-to-open.js';
import { PREFIX_BYTES } from '../wire.js';
import { type NoiseBudget, noiseBudget } from './noise-budget.js';

export const DEGREE = 8192;
/** The three largest 60-bit primes that SEAL's `CoeffModulus.Create(8192, [60, 60, 60])` gives, in its order. */
export const PRIMES = [1152921504606683137n, 1152921504606748673n] as const;
export const SPECIAL_PRIME = 1152921504606830593n;
/** Δ = 2^61: above 2·64·2^53, so that an active set of any size decrypts exactly. */
export const LOG_SCALE = 61;
export const SMUDGING_BITS = 53;
const GUARD_BITS = Math.log2(MAX_SITES);

/** Checked parameters of threshold CKKS for one key epoch; 180-bit Q·p at N = 8192 is within the 128-bit table of SEAL. */
export class CkksParameters implements BlockLayout {
  readonly valuesPerCoefficient: number;
  readonly fieldBits: number;

  private constructor(readonly header: EpochHeader) {
    this.valuesPerCoefficient = header.bits === 16 ? 2 : 4;
    this.fieldBits = header.bits + GUARD_BITS;
  }

  /** @throws HeError HEADER_INVALID, NOISE_BUDGET_EXCEEDED */
  static from(header: EpochHeader): CkksParameters {
    checkHeader(header);
    if (header.scheme !== 'ckks-threshold') throw new HeError('HEADER_INVALID', 'the header names another scheme');
    const parameters = new CkksParameters(header);
    parameters.noise(header.roster.length);
    return parameters;
  }

  /** Error bounds of a sum over this many uploads. @throws HeError NOISE_BUDGET_EXCEEDED */
  noise(uploads: number): NoiseBudget {
    const { header, valuesPerCoefficient } = this;
    return noiseBudget({
      sites: header.roster.length,
      threshold: header.threshold,
      uploads,
      bits: header.bits,
      n: DEGREE,
      primes: PRIMES,
      specialPrime: SPECIAL_PRIME,
      logScale: LOG_SCALE,
      smudgingBits: SMUDGING_BITS,
      valuesPerCoefficient,
      guardBits: GUARD_BITS,
    });
  }

  get valuesPerBlock(): number {
    return DEGREE * this.valuesPerCoefficient;
  }

  /** c0 and c1, each modulo both primes. */
  get uploadBlockBytes(): number {
    return PREFIX_BYTES + 4 * DEGREE * 8;
  }

  get sumBlockBytes(): number {
    return this.uploadBlockBytes;
  }

  shareBytes(blocks: number): number {
    return PREFIX_BYTES + SHARE_LABEL_BYTES + blocks * 2 * DEGREE * 8;
  }
}
