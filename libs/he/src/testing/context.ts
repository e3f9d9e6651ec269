import type { EpochHeader } from '../scheme.js';
import type { Scheme } from './federation.js';
import type { TestRandom } from './random.js';

/** What the parts of the contract suite share for one scheme. */
export interface Context {
  /** Set before the first test runs. */
  scheme(): Scheme;
  header(sites: number, threshold: number, changes?: Partial<EpochHeader>): EpochHeader;
  readonly random: TestRandom;
  /** Random values per site index. */
  vectors(sites: readonly number[], length: number, bits: number): Map<number, Uint32Array>;
}
