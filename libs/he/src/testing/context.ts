import type { KeyEpochHeader } from '../scheme.js';
import type { Loaded } from './federation.js';
import type { TestRandom } from './random.js';

/** What the parts of the contract suite share for one scheme. */
export interface Context {
  /** Set before the first test runs. */
  loaded(): Loaded;
  header(sites: number, threshold: number, changes?: Partial<KeyEpochHeader>): KeyEpochHeader;
  readonly random: TestRandom;
  /** What a site keeps to decrypt with, in an epoch of three sites and two sums. */
  readonly keyShareBytes: number;
  /** Random values per site index. */
  vectors(sites: readonly number[], length: number, bits: number): Map<number, Uint32Array>;
}
