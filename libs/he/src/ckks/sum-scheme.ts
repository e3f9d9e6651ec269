import { HeError } from '../errors.js';
import { compileKernel } from '../ring/kernel.js';
import { Ring } from '../ring/ring.js';
import type { EpochHeader, SumScheme, SumToOpen } from '../scheme.js';
import { checkSumToOpen, shareLabel, sharesInOrder } from '../sum-to-open.js';
import { concat, payload, prefix, toWords } from '../wire.js';
import { ResidueAdder } from './adder.js';
import { openBlock } from './block.js';
import { Packing } from './packing.js';
import { CkksParameters, DEGREE, PRIMES } from './parameters.js';
import { CKKS_STEPS } from './steps.js';

/** Threshold CKKS at the coordinator: adds and combines residues, holds no key, loads no SEAL. */
export async function ckksSumScheme(): Promise<SumScheme> {
  const module = await compileKernel('ring60');
  const ring = new Ring(module, DEGREE, PRIMES);
  return {
    id: 'ckks-threshold',
    steps: CKKS_STEPS,
    layout: (header) => CkksParameters.from(header),
    adder: (header) => new ResidueAdder(module, CkksParameters.from(header).header),
    combine: (header, sum, shares) => {
      const parameters = CkksParameters.from(header);
      checkSumToOpen(header, sum);
      return combine(ring, new Packing(module, parameters), header, sum, sharesInOrder(sum, shares));
    },
  };
}

/** Σm + noise/Δ = round((c0 + Σ h_i) / Δ), block by block. */
function* combine(
  ring: Ring,
  packing: Packing,
  header: EpochHeader,
  sum: SumToOpen,
  shares: readonly Uint8Array[],
): Generator<Uint32Array, void> {
  const polyBytes = ring.length * 8;
  const sumPrefix = prefix(header, 'sum');
  const contents = shares.map((share, i) => {
    const site = sum.activeSet[i]!;
    const start = concat(prefix(header, 'share'), shareLabel(header, sum, site));
    const blocks = Math.max(0, Math.floor((share.length - start.length) / polyBytes));
    return payload(share, start, blocks * polyBytes, 'SHARE_MALFORMED', site);
  });
  let index = 0;
  for (const block of sum.blocks) {
    let opened = openBlock(ring, block, sumPrefix).c0;
    contents.forEach((content, i) => {
      const part = toWords(content.slice(index * polyBytes, (index + 1) * polyBytes));
      if (!ring.isReduced(part))
        throw new HeError(
          'SHARE_MALFORMED',
          'a share is too short for this sum or has a residue not below its prime',
          sum.activeSet[i],
        );
      opened = ring.add(opened, part);
    });
    yield packing.decode(ring.inverse(opened), sum.uploads.length).sums;
    index++;
  }
  contents.forEach((content, i) => {
    if (content.length !== index * polyBytes)
      throw new HeError('SHARE_MALFORMED', 'a share is longer than this sum', sum.activeSet[i]);
  });
}
