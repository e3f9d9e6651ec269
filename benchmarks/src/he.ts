/**
 * The secure sum in figures: bytes, times and memory of every scheme, beside slot-encoded CKKS and a memory copy measured
 * in the same run; exactness; corruptions. BENCH_FULL=1 runs 10^8 packed values, 10,000 corruptions per container and
 * 100,000 encryptions per scheme (about an hour on two cores); without it a fiftieth of each.
 */
import type { Figure } from './figure.js';
import { aggregation } from './he/aggregation.js';
import { corruptions } from './he/corruptions.js';
import { decryption } from './he/decryption.js';
import { encryption } from './he/encryption.js';
import { exactness } from './he/exactness.js';
import { encryptionMemory, sumMemory } from './he/memory-growth.js';
import { quantisation } from './he/quantisation.js';

interface Options {
  readonly onProgress?: (line: string) => void;
  readonly full?: boolean;
}

export async function run({ onProgress, full = process.env['BENCH_FULL'] === '1' }: Options = {}): Promise<Figure[]> {
  const parts: [string, () => Promise<Figure[]>][] = [
    ['quantiser', quantisation],
    ['bytes and encryption', encryption],
    ['ceremony, share, combine', decryption],
    ['aggregation', aggregation],
    ['memory of the sum', sumMemory],
    ['exactness', () => exactness(full ? 100_000_000 : 2_000_000)],
    ['corruptions', () => corruptions(full ? 10_000 : 200)],
    ['memory of encryption', () => encryptionMemory(full ? 100_000 : 2_000)],
  ];
  const figures: Figure[] = [];
  for (const [name, measure] of parts) {
    onProgress?.(name);
    figures.push(...(await measure()));
  }
  return figures;
}
