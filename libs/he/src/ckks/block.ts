import { HeError } from '../errors.js';
import type { Ring } from '../ring/ring.js';
import { payload, toWords } from '../wire.js';

/** The two polynomials of an upload or sum block, in transformed order. */
export interface CiphertextResidues {
  readonly c0: BigUint64Array;
  readonly c1: BigUint64Array;
}

/** @throws HeError BLOCK_MALFORMED */
export function readCiphertext(ring: Ring, block: Uint8Array, expectedPrefix: Uint8Array): CiphertextResidues {
  const words = toWords(payload(block, expectedPrefix, 2 * ring.length * 8, 'BLOCK_MALFORMED'));
  const c0 = words.subarray(0, ring.length);
  const c1 = words.subarray(ring.length);
  if (!ring.isReduced(c0) || !ring.isReduced(c1))
    throw new HeError('BLOCK_MALFORMED', 'a residue of the block is not below its prime');
  // With c1 = 0 the block would be the values themselves.
  if (c1.every((x) => x === 0n)) throw new HeError('BLOCK_MALFORMED', 'the block is not encrypted');
  return { c0, c1 };
}
