import { createHash } from 'node:crypto';
import { type PublicHalf, defineScheme } from '../define-scheme.js';
import { HeError } from '../errors.js';
import { checkHeader, siteIndex } from '../header.js';
import { derive, keystream } from '../random.js';
import type { BlockAdder, BlockLayout, CeremonyMessage, KeyEpochHeader, SumToDecrypt } from '../scheme.js';
import type { SecretHalf } from '../site-key-epoch.js';
import type { SiteState } from '../site-state.js';
import { DECRYPTION_SHARE_HEAD_BYTES } from '../sum-to-decrypt.js';
import { bodiesOf, confirmation, emptyTranscript, extend } from '../transcript.js';
import { KIND, PREFIX_BYTES, concat, equal, payload, prefix, toBytes } from '../wire.js';

/**
 * The least that is a scheme: additive masks modulo a number, whose seeds every site tells every other. It hides a value
 * from the coordinator and from no site, and exists to show what a further scheme has to bring, and what it has not.
 */
const NAME = 'plain-masking';
const MODULUS = 4_294_967_291;
const VALUES = 256;
const BLOCK_BYTES = VALUES * 4;
const SEED_BYTES = 32;
const KIND_OF = { commitment: 16, deal: 17 } as const;

class MaskingParameters implements BlockLayout {
  readonly valuesPerBlock = VALUES;
  readonly uploadBlockBytes = PREFIX_BYTES + BLOCK_BYTES;
  readonly sumBlockBytes = PREFIX_BYTES + BLOCK_BYTES;

  private constructor(readonly header: KeyEpochHeader) {}

  static from(header: KeyEpochHeader): MaskingParameters {
    checkHeader(header, NAME);
    return new MaskingParameters(header);
  }

  get largestMessageBytes(): number {
    return PREFIX_BYTES + this.header.sums * SEED_BYTES;
  }

  decryptionShareBytes(blocks: number): number {
    return DECRYPTION_SHARE_HEAD_BYTES + blocks * BLOCK_BYTES;
  }
}

const SECTIONS = ['commitment', 'seeds'] as const;

class MaskingSecretHalf implements SecretHalf {
  constructor(
    private readonly header: KeyEpochHeader,
    private readonly site: string,
    private readonly state: SiteState<(typeof SECTIONS)[number]>,
  ) {}

  runDkgStep(step: string, inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    return step === 'deal' ? this.deal() : this.confirm(inbox);
  }

  private deal(): CeremonyMessage[] {
    const { header, site: from, state } = this;
    state.set(
      'seeds',
      concat(...Array.from({ length: header.sums }, (_, sum) => derive(state.get('root'), 'mask', Uint8Array.of(sum)))),
    );
    const body = concat(prefix(header, KIND_OF.deal), state.get('seeds'));
    state.set('commitment', concat(prefix(header, KIND_OF.commitment), createHash('sha256').update(body).digest()));
    const others = header.roster
      .filter((to) => to !== from)
      .map((to) => ({ step: 'deal', from, to, body: body.slice() }));
    return [{ step: 'deal', from, body: state.get('commitment').slice() }, ...others];
  }

  private confirm(inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    const { header, site, state } = this;
    const commitments = bodiesOf(header, inbox, 'deal', site, state.get('commitment'));
    const dealt = bodiesOf(header, inbox, 'deal', site, concat(prefix(header, KIND_OF.deal), state.get('seeds')), site);
    const seeds = dealt.map((body, i) => {
      const from = header.roster[i];
      const content = payload(body, prefix(header, KIND_OF.deal), header.sums * SEED_BYTES, 'MESSAGE_MALFORMED', from);
      const hash = payload(commitments[i]!, prefix(header, KIND_OF.commitment), 32, 'MESSAGE_MALFORMED', from);
      if (!equal(createHash('sha256').update(body).digest(), hash))
        throw new HeError('COMMITMENT_BROKEN', 'a site dealt other seeds than it committed to', from);
      return content;
    });
    state.set('transcript', extend(emptyTranscript(header), 'deal', commitments));
    state.set('keyShare', concat(...seeds));
    return [{ step: 'confirm', from: site, body: confirmation(header, state.get('transcript')) }];
  }

  *encrypt(sumIndex: number, values: Uint32Array): Generator<Uint8Array, void> {
    const masks = keystream(this.state.get('seeds').subarray(sumIndex * SEED_BYTES, (sumIndex + 1) * SEED_BYTES));
    for (let from = 0; from < values.length; from += VALUES) {
      const mask = words(masks(BLOCK_BYTES));
      const part = values.subarray(from, from + VALUES);
      yield concat(prefix(this.header, KIND.upload), toBytes(mask.map((x, i) => reduced(x + (part[i] ?? 0)))));
    }
  }

  decryptionShare({ sumIndex, uploaders, blocks }: SumToDecrypt): Uint8Array[] {
    const { header, state } = this;
    const masks = uploaders.map((site) => {
      const at = (siteIndex(header, site) * header.sums + sumIndex) * SEED_BYTES;
      return keystream(state.get('keyShare').subarray(at, at + SEED_BYTES));
    });
    return Array.from(blocks, () =>
      toBytes(
        masks.map((mask) => words(mask(BLOCK_BYTES))).reduce((sum, mask) => sum.map((x, i) => reduced(x + mask[i]!))),
      ),
    );
  }

  [Symbol.dispose](): void {
    this.state.forget('seeds');
  }
}

const publicHalf: PublicHalf<MaskingParameters> = {
  adder: ({ header }) => adderOf(header),
  *combine({ header }, { blocks, decryptors }, bodies) {
    let count = 0;
    for (const block of blocks) {
      const masks = bodies.map((body) => body.subarray(count * BLOCK_BYTES, (count + 1) * BLOCK_BYTES));
      const bad = masks.findIndex((mask) => mask.length < BLOCK_BYTES || words(mask).some((x) => x >= MODULUS));
      if (bad >= 0)
        throw new HeError('DECRYPTION_SHARE_MALFORMED', 'a mask is too short or not reduced', decryptors[bad]);
      if (masks.some((mask) => !equal(mask, masks[0]!))) throw new HeError('COMBINE_FAILED', 'the masks differ');
      const mask = words(masks[0]!);
      yield words(payload(block, prefix(header, KIND.sum), BLOCK_BYTES, 'BLOCK_MALFORMED')).map((x, i) =>
        reduced(x + MODULUS - mask[i]!),
      );
      count++;
    }
    const long = bodies.findIndex((body) => body.length !== count * BLOCK_BYTES);
    if (long >= 0)
      throw new HeError('DECRYPTION_SHARE_MALFORMED', 'a decryption share is longer than the sum', decryptors[long]);
  },
};

function adderOf(header: KeyEpochHeader): BlockAdder {
  let [sum, count, broken] = [new Uint32Array(VALUES), 0, false];
  return {
    add(block) {
      const good = !broken;
      broken = true;
      const part = words(payload(block, prefix(header, KIND.upload), BLOCK_BYTES, 'BLOCK_MALFORMED'));
      if (!good || part.some((x) => x >= MODULUS)) throw new HeError('BLOCK_MALFORMED', 'a block is malformed');
      sum = sum.map((x, i) => reduced(x + part[i]!));
      broken = false;
      count++;
    },
    finish() {
      const block = concat(prefix(header, KIND.sum), toBytes(sum));
      const code = broken ? 'BLOCK_MALFORMED' : count === 0 ? 'UPLOAD_COUNT_INVALID' : undefined;
      [sum, count, broken] = [new Uint32Array(VALUES), 0, false];
      if (code) throw new HeError(code, 'there is no usable sum');
      return block;
    },
  };
}

const reduced = (x: number): number => x % MODULUS;
const words = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.slice().buffer);

export const plainMasking = defineScheme({
  name: NAME,
  title: 'plain masking',
  dkgSteps: ['deal', 'confirm'],
  stateSections: SECTIONS,
  parameters: MaskingParameters.from,
  secretHalf:
    async () =>
    ({ header }, site, state) =>
      new MaskingSecretHalf(header, site, state),
  publicHalf: async () => publicHalf,
});
