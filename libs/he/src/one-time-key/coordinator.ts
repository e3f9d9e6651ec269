import type { PublicHalf } from '../define-scheme.js';
import { HeError } from '../errors.js';
import { siteIndex } from '../header.js';
import { compileKernel } from '../ring/kernel.js';
import type { SumToDecrypt } from '../scheme.js';
import { present } from '../secrets.js';
import { KIND, payload, prefix, toWords } from '../wire.js';
import { MaskedAdder } from './adder.js';
import { fieldSharing } from './field-sharing.js';
import { MaskRing, sumSeed } from './mask-ring.js';
import { DEGREE, KEY_SHARE_BYTES, type OneTimeKeyParameters } from './parameters.js';

/** One-time keys at the coordinator. */
export async function oneTimeKeyPublicHalf(): Promise<PublicHalf<OneTimeKeyParameters>> {
  const module = await compileKernel('ring27');
  return {
    adder: (parameters) => new MaskedAdder(new MaskRing(module, parameters), parameters),
    combine: (parameters, sum, bodies) => combine(new MaskRing(module, parameters), parameters, sum, bodies),
  };
}

/** Reconstructs S = Σs_i from the decryption shares, takes a_k·S from every block and rounds. */
function* combine(
  ring: MaskRing,
  parameters: OneTimeKeyParameters,
  sum: SumToDecrypt,
  bodies: readonly Uint8Array[],
): Generator<Uint32Array, void> {
  const { header } = parameters;
  const uploads = sum.uploaders.length;
  ring.useKey(
    fieldSharing.reconstruct(
      bodies.map((body, j) => {
        const site = present(sum.decryptors[j]);
        return { x: siteIndex(header, site) + 1, share: checkedShare(body, site) };
      }),
    ),
  );
  const seed = sumSeed(header, sum.sumIndex);
  const sumPrefix = prefix(header, KIND.sum);
  const largest = BigInt(uploads) * parameters.largestOnWire;
  const expected = parameters.errorDeviation(uploads);
  let index = 0;
  for (const block of sum.blocks) {
    const words = payload(block, sumPrefix, DEGREE * 8, 'BLOCK_MALFORMED');
    if (toWords(words).some((x) => x > largest))
      throw new HeError('BLOCK_MALFORMED', 'a number of the sum is larger than this many uploads make');
    const revealed = ring.reveal(words, seed, index, uploads);
    // The deviation of 4096 errors is known to 1%; a wrong key makes them uniform over the whole step.
    if (!revealed.fits || revealed.deviation > 1.2 * expected || revealed.largest > 12 * expected) {
      throw new HeError(
        'COMBINE_FAILED',
        'the errors of this sum are not as predicted: a decryption share is wrong, or a site dealt other shares than it encrypted under',
      );
    }
    yield revealed.sums;
    index++;
  }
}

function checkedShare(body: Uint8Array, site: string): Uint16Array {
  const refuse = (text: string): never => {
    throw new HeError('DECRYPTION_SHARE_MALFORMED', text, site);
  };
  if (body.length !== KEY_SHARE_BYTES) refuse('a decryption share is not as long as the format says');
  const share = new Uint16Array(body.slice().buffer);
  if (!fieldSharing.isReduced(share)) refuse('a number of a decryption share is not below 65521');
  return share;
}
