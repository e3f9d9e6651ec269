import { HeError } from './errors.js';
import { derive } from './random.js';
import type { BlockLayout, CeremonyMessage, KeyEpochHeader, SiteKeyEpoch, SumToDecrypt } from './scheme.js';
import type { CommonState } from './site-state.js';
import { Spent } from './spent.js';
import { checkSumIndex, checkSumToDecrypt, checkValues, decryptionShareLabel } from './sum-to-decrypt.js';
import { KIND, concat, prefix } from './wire.js';

/** The secret arithmetic of a scheme at one site. The core has checked order, index, values and sets before it calls. */
export interface SecretHalf extends Disposable {
  /** From the second step on, a function of the stored state and the inbox alone: a repeated step posts the same bytes. */
  runDkgStep(step: string, inbox: readonly CeremonyMessage[]): CeremonyMessage[];
  encrypt(sumIndex: number, values: Uint32Array): Generator<Uint8Array, void>;
  /** The body of this site's decryption share, in parts, behind prefix and label. */
  decryptionShare(sum: SumToDecrypt): Uint8Array[];
}

interface Start {
  readonly header: KeyEpochHeader;
  readonly site: string;
  readonly layout: BlockLayout;
  readonly dkgSteps: readonly string[];
  readonly state: CommonState;
  readonly half: SecretHalf;
}

/** A site's key epoch under any scheme: what may be asked of it, in which order and how often. */
export class KeyEpochAtSite implements SiteKeyEpoch {
  readonly layout: BlockLayout;
  private readonly spent: Spent;
  private disposed = false;

  constructor(private readonly start: Start) {
    this.layout = start.layout;
    this.spent = Spent.from(start.header, start.state.find('spent'));
  }

  runDkgStep(step: string, inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    this.requireLive();
    const { dkgSteps, state, half, site } = this.start;
    const expected = dkgSteps[state.finished];
    if (step !== expected)
      throw new HeError(
        'STEP_OUT_OF_ORDER',
        expected ? `the next step of the key ceremony is ${expected}` : 'the key ceremony is over',
        site,
      );
    const messages = half.runDkgStep(step, inbox);
    // One way: what a step derived cannot be derived again from a later state.
    state.set('root', derive(state.get('root'), `ratchet/${step}`));
    state.finished++;
    return messages;
  }

  save(): Uint8Array {
    this.requireLive();
    const { state, header, site } = this.start;
    state.set('spent', this.spent.save());
    return state.save(header, site);
  }

  encrypt(sumIndex: number, values: Uint32Array): Generator<Uint8Array, void> {
    this.requireReady();
    const { header, half } = this.start;
    checkSumIndex(header, sumIndex);
    checkValues(header, values);
    this.spent.encrypt(sumIndex);
    return this.whileLive(half.encrypt(sumIndex, values));
  }

  decryptionShare(sum: SumToDecrypt): Uint8Array {
    this.requireReady();
    const { header, half, site, state } = this.start;
    checkSumToDecrypt(header, sum);
    if (!sum.decryptors.includes(site))
      throw new HeError('DECRYPTORS_INVALID', 'this site is not one of the decryptors', site);
    this.spent.decrypt(sum.sumIndex);
    const body = half.decryptionShare(sum);
    if (this.spent.everyDecryption) state.forget('root', 'keyShare');
    return concat(prefix(header, KIND.decryptionShare), decryptionShareLabel(header, sum, site), ...body);
  }

  private *whileLive(blocks: Generator<Uint8Array, void>): Generator<Uint8Array, void> {
    try {
      for (;;) {
        this.requireLive();
        const { done, value } = blocks.next();
        if (done) return;
        yield value;
      }
    } finally {
      blocks.return();
    }
  }

  private requireReady(): void {
    this.requireLive();
    const { state, dkgSteps, site } = this.start;
    if (state.finished < dkgSteps.length)
      throw new HeError('STEP_OUT_OF_ORDER', 'the key ceremony of this epoch is not over', site);
  }

  private requireLive(): void {
    if (this.disposed)
      throw new HeError('KEY_EPOCH_DISPOSED', 'this key epoch was disposed at this site', this.start.site);
  }

  [Symbol.dispose](): void {
    if (this.disposed) return;
    this.disposed = true;
    this.start.half[Symbol.dispose]();
    this.start.state.clear();
  }
}
