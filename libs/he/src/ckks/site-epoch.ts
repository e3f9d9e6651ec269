import { createHash, randomBytes } from 'node:crypto';
import { HeError } from '../errors.js';
import { siteIndex } from '../header.js';
import { derive, keystreamWords } from '../random.js';
import type { Poly } from '../ring/ring.js';
import type { BlockLayout, CeremonyMessage, SiteEpoch, SumToOpen } from '../scheme.js';
import { Secrets } from '../secrets.js';
import { weighted } from '../shamir.js';
import type { SiteState } from '../site-state.js';
import { Spent } from '../spent.js';
import { checkSumIndex, checkSumToOpen, checkValues, shareLabel } from '../sum-to-open.js';
import { concat, prefix, toBytes, toWords } from '../wire.js';
import { openBlock } from './block.js';
import { Ceremony } from './ceremony.js';
import type { Packing } from './packing.js';
import { type CkksParameters, DEGREE, SMUDGING_BITS } from './parameters.js';
import type { Rings } from './rings.js';
import type { Seal, ZeroEncryptor } from './seal.js';
import { CKKS_STEPS } from './steps.js';

/** A site's half of a threshold-CKKS epoch. */
export class CkksSiteEpoch implements SiteEpoch {
  readonly #ceremony: Ceremony;
  readonly #spent: Spent;
  #encryptor: ZeroEncryptor | undefined;
  #closed = false;

  constructor(
    private readonly parameters: CkksParameters,
    private readonly site: string,
    private readonly rings: Rings,
    private readonly packing: Packing,
    private readonly seal: Seal,
    private readonly state: SiteState,
  ) {
    this.#ceremony = new Ceremony(parameters.header, site, rings, seal, state);
    this.#spent = Spent.from(parameters.header, state.find('spent'));
    if (!state.find('root')) state.set('root', new Uint8Array(randomBytes(32)));
  }

  get layout(): BlockLayout {
    return this.parameters;
  }

  step(step: string, inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    this.#open();
    return this.#ceremony.run(step as (typeof CKKS_STEPS)[number], inbox);
  }

  save(): Uint8Array {
    this.#open();
    this.state.set('spent', this.#spent.save());
    return this.state.save(this.parameters.header, this.site);
  }

  encrypt(sumIndex: number, values: Uint32Array): Generator<Uint8Array, void> {
    this.#ready();
    checkSumIndex(this.parameters.header, sumIndex);
    checkValues(this.parameters.header, values);
    this.#spent.encrypt(sumIndex);
    return this.#blocks(values);
  }

  *#blocks(values: Uint32Array): Generator<Uint8Array, void> {
    const { header, valuesPerBlock } = this.parameters;
    const { data } = this.rings;
    const start = prefix(header, 'upload');
    for (let from = 0; from < values.length; from += valuesPerBlock) {
      this.#open();
      this.#encryptor ??= this.seal.zeroEncryptor(toWords(this.state.get('publicKey')), this.#ceremony.common);
      using secrets = new Secrets();
      const message = secrets.keep(this.packing.encode(data, values.subarray(from, from + valuesPerBlock)));
      const zero = this.#encryptor.next();
      const c0 = data.add(zero.subarray(0, data.length), message);
      yield concat(start, toBytes(c0), toBytes(zero.subarray(data.length)));
    }
  }

  /**
   * h = λ·S·c1 + smudging, the smudging drawn from a keyed hash of c1 and the active set alone: the same ciphertext,
   * asked for again from restored state or under another sum index, gets the same residues, and averaging gains nothing.
   */
  share(sum: SumToOpen): Uint8Array {
    this.#ready();
    const { header } = this.parameters;
    checkSumToOpen(header, sum);
    if (!sum.activeSet.includes(this.site))
      throw new HeError('ACTIVE_SET_INVALID', 'this site is not in the active set', this.site);
    this.#spent.share(sum.sumIndex);
    const { data } = this.rings;
    const xs = sum.activeSet.map((site) => siteIndex(header, site) + 1);
    using secrets = new Secrets();
    const secret = secrets.keep(toWords(this.state.get('share')));
    const key = secrets.keep(weighted(data, secret, siteIndex(header, this.site) + 1, xs));
    const sumPrefix = prefix(header, 'sum');
    const parts: Uint8Array[] = [];
    for (const block of sum.blocks) {
      const { c1 } = openBlock(data, block, sumPrefix);
      using ofBlock = new Secrets();
      const words = ofBlock.keep(this.#smudgingWords(xs, c1));
      const smudging = ofBlock.keep(data.forward(ofBlock.keep(data.smudging(words, SMUDGING_BITS))));
      parts.push(toBytes(data.add(ofBlock.keep(data.multiply(c1, key)), smudging)));
    }
    if (this.#spent.allShared) this.state.forget('root', 'share');
    return concat(prefix(header, 'share'), shareLabel(header, sum, this.site), ...parts);
  }

  #smudgingWords(xs: readonly number[], c1: Poly): BigUint64Array {
    const context = createHash('sha256')
      .update(Uint8Array.of(xs.length, ...xs))
      .update(toBytes(c1))
      .digest();
    return keystreamWords(derive(this.state.get('root'), 'smudging', context))(DEGREE);
  }

  #ready(): void {
    this.#open();
    if (this.state.finished < CKKS_STEPS.length)
      throw new HeError('STEP_OUT_OF_ORDER', 'the key ceremony of this epoch is not over', this.site);
  }

  #open(): void {
    if (this.#closed) throw new HeError('EPOCH_CLOSED', 'this key epoch was disposed at this site', this.site);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#encryptor?.[Symbol.dispose]();
    this.state.clear();
  }
}
