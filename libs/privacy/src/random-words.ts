import { PrivacyError } from './errors.js';

/** A cryptographic source: returns exactly `n` fresh bytes (`crypto.randomBytes`, or getRandomValues on a new array). */
export type RandomBytes = (n: number) => Uint8Array;

/** The most that getRandomValues gives at once. */
const BLOCK_BYTES = 65_536;

/** Unbiased draws from a byte source, read in blocks. */
export class RandomWords {
  private readonly words = new Uint32Array(BLOCK_BYTES / 4);
  private readonly bytes = new Uint8Array(this.words.buffer);
  private next = this.words.length;

  constructor(private readonly source: RandomBytes) {}

  /** A uniform 32-bit word. */
  word(): number {
    if (this.next === this.words.length) this.refill();
    return this.words[this.next++]!;
  }

  /** Uniform on 0 … n − 1, for 1 ≤ n ≤ 2³². */
  below(n: number): number {
    // Words past the last whole multiple of n would favour small remainders.
    const limit = 4294967296 - (4294967296 % n);
    for (;;) {
      const word = this.word();
      if (word < limit) return word % n;
    }
  }

  private refill(): void {
    const block = this.source(BLOCK_BYTES);
    if (block.length !== BLOCK_BYTES) {
      throw new PrivacyError(
        'PRIVACY_RANDOM_SOURCE_INVALID',
        `randomBytes must return exactly the ${BLOCK_BYTES} bytes asked for`,
      );
    }
    this.bytes.set(block);
    this.next = 0;
  }
}
