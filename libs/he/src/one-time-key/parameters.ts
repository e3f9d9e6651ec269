import { HeError } from '../errors.js';
import { checkHeader } from '../header.js';
import type { BlockLayout, KeyEpochHeader } from '../scheme.js';
import { DECRYPTION_SHARE_HEAD_BYTES } from '../sum-to-decrypt.js';
import { PREFIX_BYTES } from '../wire.js';

export const DEGREE = 4096;
/** Two 27-bit primes, 1 modulo 2N, ascending; their product has 54 bits. */
export const PRIMES = [134_111_233n, 134_176_769n] as const;
/** Standard deviation of secrets and errors: decrypting gives Σs and Σe away, which costs a factor of sqrt 2 for two honest sites, 2 by the strict bound. */
export const SIGMA = 6.4;
/** Most uploads of a sum: 64 saturated ones no longer fit below q. */
export const MAX_UPLOADS = 63;
const GUARD_BITS = 6;

export const ONE_TIME_KEY_NAME = 'one-time-key';
/** Steps of the DKG, in order. */
export const ONE_TIME_KEY_STEPS = ['deal', 'confirm'] as const;
/** Kinds of its messages on the wire. */
export const ONE_TIME_KEY_KIND = { commitments: 16, deal: 17 } as const;
/** Shamir shares of one secret key, u16 per coefficient. */
export const KEY_SHARE_BYTES = DEGREE * 2;

/** Checked parameters of the one-time-key scheme for one key epoch. */
export class OneTimeKeyParameters implements BlockLayout {
  /** k */
  readonly valuesPerCoefficient: number;
  readonly fieldBits: number;
  /** d: values stand at 2^d above the error. */
  readonly logScale: number;
  /** r: low bits rounded away on the wire. */
  readonly droppedBits: number;
  /** q */
  readonly modulus = PRIMES[0] * PRIMES[1];
  /** Bits of a coefficient on the wire. */
  readonly wireBits: number;
  /** Largest number on the wire. */
  readonly largestOnWire: bigint;

  private constructor(readonly header: KeyEpochHeader) {
    const wide = header.bits === 16;
    this.valuesPerCoefficient = wide ? 2 : 3;
    this.fieldBits = header.bits + GUARD_BITS;
    this.logScale = wide ? 10 : 12;
    this.droppedBits = wide ? 4 : 6;
    this.wireBits = this.modulus.toString(2).length - this.droppedBits;
    this.largestOnWire = (this.modulus - 1n + ((1n << BigInt(this.droppedBits)) >> 1n)) >> BigInt(this.droppedBits);
  }

  /** @throws HeError HEADER_INVALID, NOISE_BUDGET_EXCEEDED */
  static from(header: KeyEpochHeader): OneTimeKeyParameters {
    checkHeader(header, ONE_TIME_KEY_NAME);
    const parameters = new OneTimeKeyParameters(header);
    parameters.checkRoom();
    return parameters;
  }

  /** Standard deviation of the error of a sum: Gaussian errors and the uniform rounding on the wire. */
  errorDeviation(uploads: number): number {
    return Math.sqrt(uploads * (SIGMA ** 2 + 4 ** this.droppedBits / 12));
  }

  get valuesPerBlock(): number {
    return DEGREE * this.valuesPerCoefficient;
  }

  get uploadBlockBytes(): number {
    return PREFIX_BYTES + (DEGREE * this.wireBits) / 8;
  }

  get sumBlockBytes(): number {
    return PREFIX_BYTES + DEGREE * 8;
  }

  get largestMessageBytes(): number {
    return PREFIX_BYTES + Math.max(this.header.sums * KEY_SHARE_BYTES, this.header.roster.length * 32);
  }

  /** Does not depend on the blocks: it is a key share of the summed secret keys. */
  decryptionShareBytes(): number {
    return DECRYPTION_SHARE_HEAD_BYTES + KEY_SHARE_BYTES;
  }

  private checkRoom(): void {
    const uploads = this.header.roster.length;
    const largest = Array.from(
      { length: this.valuesPerCoefficient },
      (_, j) => BigInt(uploads * (2 ** this.header.bits - 1)) << BigInt(this.fieldBits * j),
    ).reduce((sum, part) => sum + part);
    const fits = (largest + 1n) << BigInt(this.logScale) <= this.modulus && uploads <= MAX_UPLOADS;
    // At eight standard deviations a coefficient rounds wrongly less than once in 10^15.
    if (!fits || this.errorDeviation(uploads) * 8 > 2 ** (this.logScale - 1)) {
      throw new HeError('NOISE_BUDGET_EXCEEDED', `the one-time-key scheme holds ${MAX_UPLOADS} sites`);
    }
  }
}
