import { HeError } from '../errors.js';
import { siteIndex } from '../header.js';
import { compileKernel } from '../ring/kernel.js';
import type { EpochHeader, SumScheme, SumToOpen } from '../scheme.js';
import { present } from '../secrets.js';
import { checkSumToOpen, shareLabel, sharesInOrder } from '../sum-to-open.js';
import { concat, payload, prefix, toWords } from '../wire.js';
import { MaskedAdder } from './adder.js';
import { isInField, openShares } from './field-shares.js';
import { MaskRing, sumSeed } from './mask-ring.js';
import { DEGREE, OneTimeKeyParameters } from './parameters.js';
import { ONE_TIME_KEY_STEPS } from './steps.js';

/** One-time keys at the coordinator. */
export async function oneTimeKeySumScheme(): Promise<SumScheme> {
  const module = await compileKernel('ring27');
  return {
    id: 'one-time-key',
    steps: ONE_TIME_KEY_STEPS,
    layout: (header) => OneTimeKeyParameters.from(header),
    adder: (header) => {
      const parameters = OneTimeKeyParameters.from(header);
      return new MaskedAdder(new MaskRing(module, parameters), parameters);
    },
    combine: (header, sum, shares) => {
      const parameters = OneTimeKeyParameters.from(header);
      checkSumToOpen(header, sum);
      return combine(new MaskRing(module, parameters), parameters, sum, sharesInOrder(sum, shares));
    },
  };
}

/** Opens S = Σs_i from the shares, takes a_k·S from every block and rounds. */
function* combine(
  ring: MaskRing,
  parameters: OneTimeKeyParameters,
  sum: SumToOpen,
  shares: readonly Uint8Array[],
): Generator<Uint32Array, void> {
  const { header } = parameters;
  const uploads = sum.uploads.length;
  const points = shares.map((share, i) => {
    const site = present(sum.activeSet[i]);
    return { x: siteIndex(header, site) + 1, share: openShareBody(header, sum, share, site) };
  });
  ring.useKey(openShares(points));
  const seed = sumSeed(header, sum.sumIndex);
  const sumPrefix = prefix(header, 'sum');
  const largest = BigInt(uploads) * parameters.largestOnWire;
  const expected = parameters.errorDeviation(uploads);
  let index = 0;
  for (const block of sum.blocks) {
    const words = payload(block, sumPrefix, DEGREE * 8, 'BLOCK_MALFORMED');
    if (toWords(words).some((x) => x > largest))
      throw new HeError('BLOCK_MALFORMED', 'a number of the sum is larger than this many uploads make');
    const opened = ring.reveal(words, seed, index, uploads);
    // The deviation of 4096 errors is known to 1%; a wrong key makes them uniform over the whole step.
    if (!opened.fits || opened.deviation > 1.2 * expected || opened.largest > 12 * expected) {
      throw new HeError(
        'COMBINE_FAILED',
        'the errors of this sum are not as predicted: a share is wrong, or a site dealt other shares than it encrypted under',
      );
    }
    yield opened.sums;
    index++;
  }
}

function openShareBody(header: EpochHeader, sum: SumToOpen, share: Uint8Array, site: string): Uint16Array {
  const start = concat(prefix(header, 'share'), shareLabel(header, sum, site));
  const body = new Uint16Array(payload(share, start, DEGREE * 2, 'SHARE_MALFORMED', site).slice().buffer);
  if (!isInField(body)) throw new HeError('SHARE_MALFORMED', 'a number of a share is not below 65521', site);
  return body;
}
