import { HeError } from './errors.js';
import type { KeyEpochHeader } from './scheme.js';
import { present } from './secrets.js';

/** Which sums of the key epoch this site has encrypted for and which it has helped to decrypt: one byte each. */
export class Spent {
  private constructor(private readonly flags: Uint8Array) {}

  static from(header: KeyEpochHeader, stored: Uint8Array | undefined): Spent {
    const flags = stored ? stored.slice() : new Uint8Array(header.sums);
    if (flags.length !== header.sums) throw new HeError('STATE_INVALID', 'the stored state is of another key epoch');
    return new Spent(flags);
  }

  /** @throws HeError SUM_ALREADY_ENCRYPTED */
  encrypt(sumIndex: number): void {
    this.spend(
      sumIndex,
      1,
      new HeError('SUM_ALREADY_ENCRYPTED', 'this site has encrypted for this sum before: send the stored bytes again'),
    );
  }

  /** @throws HeError DECRYPTION_SHARE_ALREADY_MADE */
  decrypt(sumIndex: number): void {
    this.spend(
      sumIndex,
      2,
      new HeError(
        'DECRYPTION_SHARE_ALREADY_MADE',
        'this site has made its decryption share of this sum before: send the stored bytes again',
      ),
    );
  }

  /** Every sum of the epoch has this site's decryption share: nothing can be asked of its secrets any more. */
  get everyDecryption(): boolean {
    return this.flags.every((flags) => (flags & 2) !== 0);
  }

  save(): Uint8Array {
    return this.flags.slice();
  }

  private spend(sumIndex: number, bit: number, error: HeError): void {
    const flags = present(this.flags[sumIndex]);
    if (flags & bit) throw error;
    this.flags[sumIndex] = flags | bit;
  }
}
