import { createHash, randomBytes } from 'node:crypto';
import { HeError } from '../errors.js';
import { siteIndex } from '../header.js';
import { derive, keystream } from '../random.js';
import type { BlockLayout, CeremonyMessage, SiteEpoch, SumToOpen } from '../scheme.js';
import { Secrets } from '../secrets.js';
import type { SiteState } from '../site-state.js';
import { Spent } from '../spent.js';
import { checkSumIndex, checkSumToOpen, checkValues, shareLabel } from '../sum-to-open.js';
import { concat, prefix, toBytes } from '../wire.js';
import { OneTimeKeyCeremony, SEED_BYTES, secretOf, shareAt } from './ceremony.js';
import { addShares } from './field-shares.js';
import { MaskRing, sumSeed } from './mask-ring.js';
import type { OneTimeKeyParameters } from './parameters.js';
import { ONE_TIME_KEY_STEPS } from './steps.js';

/**
 * A site's half of a one-time-key epoch. Encrypting forgets the secret of that sum and sharing the shares of it: from
 * the state saved after, neither can be done again. From the state saved before, the same values give the same bytes;
 * other values under the same secret would give both away, so the caller stores the bytes before it sends any.
 */
export class OneTimeKeySiteEpoch implements SiteEpoch {
  readonly #ring: MaskRing;
  readonly #ceremony: OneTimeKeyCeremony;
  readonly #spent: Spent;
  #keyOf: number | undefined;
  #closed = false;

  constructor(
    private readonly parameters: OneTimeKeyParameters,
    private readonly site: string,
    module: WebAssembly.Module,
    private readonly state: SiteState,
  ) {
    this.#ring = new MaskRing(module, parameters);
    this.#ceremony = new OneTimeKeyCeremony(parameters, site, this.#ring, state);
    this.#spent = Spent.from(parameters.header, state.find('spent'));
    if (!state.find('root')) state.set('root', new Uint8Array(randomBytes(32)));
  }

  get layout(): BlockLayout {
    return this.parameters;
  }

  step(step: string, inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    this.#open();
    return this.#ceremony.run(step, inbox);
  }

  save(): Uint8Array {
    this.#open();
    this.state.set('spent', this.#spent.save());
    return this.state.save(this.parameters.header, this.site);
  }

  encrypt(sumIndex: number, values: Uint32Array): Generator<Uint8Array, void> {
    this.#ready();
    const { header } = this.parameters;
    checkSumIndex(header, sumIndex);
    checkValues(header, values);
    this.#spent.encrypt(sumIndex);
    const stored = this.state.get('secret').subarray(sumIndex * SEED_BYTES, (sumIndex + 1) * SEED_BYTES);
    const seed = stored.slice();
    stored.fill(0);
    return this.#blocks(sumIndex, values, seed);
  }

  *#blocks(sumIndex: number, values: Uint32Array, seed: Uint8Array): Generator<Uint8Array, void> {
    const { header, valuesPerBlock } = this.parameters;
    const start = prefix(header, 'upload');
    const publicSeed = sumSeed(header, sumIndex);
    using secrets = new Secrets();
    const secret = secrets.keep(secretOf(this.#ring, secrets.keep(seed)));
    this.#keyOf = undefined;
    // Errors depend on the values: nothing but the secret could ever meet another upload.
    const errors = keystream(
      derive(seed, 'one-time-key/errors', createHash('sha256').update(toBytes(values)).digest()),
    );
    try {
      for (let block = 0; block * valuesPerBlock < values.length; block++) {
        this.#open();
        if (this.#keyOf !== sumIndex) this.#ring.useKey(secret);
        this.#keyOf = sumIndex;
        const part = values.subarray(block * valuesPerBlock, (block + 1) * valuesPerBlock);
        const wire = this.#ring.conceal(part, publicSeed, block, errors);
        if (!wire)
          throw new HeError('VALUE_OUT_OF_RANGE', 'the values changed while they were being encrypted', this.site);
        yield concat(start, wire);
      }
    } finally {
      this.#keyOf = undefined;
      this.#ring.wipe();
    }
  }

  share(sum: SumToOpen): Uint8Array {
    this.#ready();
    const { header } = this.parameters;
    checkSumToOpen(header, sum);
    if (!sum.activeSet.includes(this.site))
      throw new HeError('ACTIVE_SET_INVALID', 'this site is not in the active set', this.site);
    this.#spent.share(sum.sumIndex);
    const kept = this.state.get('share');
    using secrets = new Secrets();
    const shares = sum.uploads.map((site) =>
      secrets.keep(new Uint16Array(shareAt(kept, header.sums, siteIndex(header, site), sum.sumIndex).slice().buffer)),
    );
    const total = addShares(shares);
    header.roster.forEach((_, dealer) => shareAt(kept, header.sums, dealer, sum.sumIndex).fill(0));
    if (this.#spent.allShared) this.state.forget('root', 'share');
    return concat(prefix(header, 'share'), shareLabel(header, sum, this.site), toBytes(total));
  }

  #ready(): void {
    this.#open();
    if (this.state.finished < ONE_TIME_KEY_STEPS.length)
      throw new HeError('STEP_OUT_OF_ORDER', 'the key ceremony of this epoch is not over', this.site);
  }

  #open(): void {
    if (this.#closed) throw new HeError('EPOCH_CLOSED', 'this key epoch was disposed at this site', this.site);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ring.wipe();
    this.state.clear();
  }
}
