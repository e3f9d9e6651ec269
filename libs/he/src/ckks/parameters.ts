import { MAX_SITES, checkHeader } from '../header.js';
import type { BlockLayout, KeyEpochHeader } from '../scheme.js';
import { DECRYPTION_SHARE_HEAD_BYTES } from '../sum-to-decrypt.js';
import { PREFIX_BYTES } from '../wire.js';
import { type NoiseBudget, noiseBudget } from './noise-budget.js';
import { proofBytes } from './proof-of-possession.js';

export const DEGREE = 8192;
/** The three largest 60-bit primes that SEAL's `CoeffModulus.Create(8192, [60, 60, 60])` gives, in its order. */
export const PRIMES = [1152921504606683137n, 1152921504606748673n] as const;
export const SPECIAL_PRIME = 1152921504606830593n;
/** Δ = 2^61: above 2·64·2^53, so that decryptors of any number decrypt exactly. */
export const LOG_SCALE = 61;
export const SMUDGING_BITS = 53;
const GUARD_BITS = Math.log2(MAX_SITES);

export const CKKS_NAME = 'ckks-threshold';
/** Steps of the DKG, in order. */
export const CKKS_STEPS = ['commit', 'reveal', 'deal', 'test', 'confirm'] as const;
/** Kinds of its messages on the wire. */
export const CKKS_KIND = { commit: 16, reveal: 17, deal: 18, test: 19 } as const;
export const NONCE_BYTES = 32;
export const PUBLIC_KEY_SHARE_BYTES = 3 * DEGREE * 8;
/** Body of `reveal`, the largest of all messages. */
export const REVEAL_BYTES = NONCE_BYTES + PUBLIC_KEY_SHARE_BYTES + proofBytes(DEGREE);

/** Checked parameters of threshold CKKS for one key epoch; 180-bit Q·p at N = 8192 is within the 128-bit table of SEAL. */
export class CkksParameters implements BlockLayout {
  readonly valuesPerCoefficient: number;
  readonly fieldBits: number;

  private constructor(readonly header: KeyEpochHeader) {
    this.valuesPerCoefficient = header.bits === 16 ? 2 : 4;
    this.fieldBits = header.bits + GUARD_BITS;
  }

  /** @throws HeError HEADER_INVALID, NOISE_BUDGET_EXCEEDED */
  static from(header: KeyEpochHeader): CkksParameters {
    checkHeader(header, CKKS_NAME);
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

  get largestMessageBytes(): number {
    return PREFIX_BYTES + REVEAL_BYTES;
  }

  decryptionShareBytes(blocks: number): number {
    return DECRYPTION_SHARE_HEAD_BYTES + blocks * 2 * DEGREE * 8;
  }
}
