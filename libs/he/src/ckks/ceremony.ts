import { HeError } from '../errors.js';
import { siteIndex } from '../header.js';
import { derive, keystreamWords } from '../random.js';
import type { Poly } from '../ring/ring.js';
import type { CeremonyMessage, EpochHeader } from '../scheme.js';
import { Secrets, present } from '../secrets.js';
import { shareOut, weighted } from '../shamir.js';
import type { SiteState } from '../site-state.js';
import { bodiesOf, confirmation, emptyTranscript, extend } from '../transcript.js';
import { concat, payload, prefix, toBytes, toWords } from '../wire.js';
import { DEGREE, SMUDGING_BITS } from './parameters.js';
import { prove } from './proof-of-possession.js';
import {
  COMMIT_BYTES,
  checkCommit,
  commitBody,
  keyShareOf,
  openReveal,
  revealBody,
  statementContext,
} from './reveal.js';
import { type Rings, atDataLevel, commonPolynomial } from './rings.js';
import type { Seal } from './seal.js';
import { TEST_SHARE_BYTES, isReducedTestShare, opened, opensTo, testCiphertext, windowsOf } from './self-test.js';
import { CKKS_STEPS } from './steps.js';

type Step = (typeof CKKS_STEPS)[number];
const POLY_BYTES = 2 * DEGREE * 8;

/**
 * The key ceremony of one site (Mouchet et al., eprint 2020/304 and 2022/780): commit to b_i, reveal it with proof of
 * possession, deal Shamir shares of s_i and forget s_i, open known values with t-subsets, confirm the transcript.
 * After `commit` every step is a function of the stored state and of what the step before brought: a step repeated after
 * a crash posts the same bytes, so that no second sharing and no second smudging of one ciphertext ever exists. The
 * transcript is chained step by step, each message is read once, and the last step confirms what was read.
 */
export class Ceremony {
  readonly #index: number;
  #common: Poly | undefined;

  constructor(
    private readonly header: EpochHeader,
    private readonly site: string,
    private readonly rings: Rings,
    private readonly seal: Seal,
    private readonly state: SiteState,
  ) {
    this.#index = siteIndex(header, site);
  }

  get common(): Poly {
    return (this.#common ??= commonPolynomial(this.rings.key, this.header));
  }

  run(step: Step, inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    const expected = CKKS_STEPS[this.state.finished];
    if (step !== expected)
      throw new HeError(
        'STEP_OUT_OF_ORDER',
        expected ? `the next ceremony step is ${expected}` : 'the ceremony is over',
        this.site,
      );
    const messages = this[step](inbox);
    // One way: what a step derived cannot be derived again from a later state.
    this.state.set('root', derive(this.state.get('root'), `ratchet/${step}`));
    this.state.finished++;
    return messages;
  }

  private commit(): CeremonyMessage[] {
    const { key } = this.rings;
    const root = this.state.get('root');
    using secrets = new Secrets();
    const sampled = this.seal.sampleKey();
    const secret = secrets.keep(sampled.secret);
    const error = secrets.keep(key.add(sampled.b, secrets.keep(key.multiply(sampled.a, secret))));
    const b = key.subtract(error, secrets.keep(key.multiply(this.common, secret)));
    const statement = { a: this.common, b, context: statementContext(this.header, this.#index) };
    const proof = prove(key, statement, secret, error, keystreamWords(secrets.keep(derive(root, 'possession'))));
    const reveal = revealBody(this.header, derive(root, 'nonce'), b, proof);
    this.state.set('secret', toBytes(atDataLevel(secret)).slice());
    this.state.set('reveal', reveal);
    this.state.set('commit', commitBody(this.header, this.#index, reveal));
    return [this.#broadcast('commit', this.state.get('commit'))];
  }

  private reveal(inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    const commits = bodiesOf(this.header, inbox, 'commit', this.site, this.state.get('commit'));
    commits.forEach((body, i) => checkCommit(this.header, i, body));
    this.state.set('transcript', extend(emptyTranscript(this.header), 'commit', commits));
    this.state.set('commits', concat(...commits));
    this.state.forget('commit');
    return [this.#broadcast('reveal', this.state.get('reveal'))];
  }

  private deal(inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    const { header, rings } = this;
    const commits = this.state.get('commits');
    const reveals = bodiesOf(header, inbox, 'reveal', this.site, this.state.get('reveal'));
    const publicKey = reveals
      .map((body, i) =>
        i === this.#index
          ? keyShareOf(body)
          : openReveal(
              rings.key,
              this.common,
              header,
              i,
              commits.subarray(i * COMMIT_BYTES, (i + 1) * COMMIT_BYTES),
              body,
            ),
      )
      .reduce((sum, b) => rings.key.add(sum, b));
    using secrets = new Secrets();
    const secret = secrets.keep(toWords(this.state.get('secret')));
    const random = keystreamWords(secrets.keep(derive(this.state.get('root'), 'shamir')));
    const shares = shareOut(rings.data, secret, header.threshold, header.roster.length, random);
    this.state.set('transcript', extend(this.state.get('transcript'), 'reveal', reveals));
    this.state.set('publicKey', toBytes(publicKey));
    this.state.set('share', toBytes(present(shares[this.#index])));
    // From here on nobody can recover s_i without t sites.
    this.state.forget('secret', 'commits', 'reveal');
    return shares.flatMap((share, i) => {
      const to = present(header.roster[i]);
      return to === this.site
        ? []
        : [{ step: 'deal', from: this.site, to, body: concat(prefix(header, 'deal'), toBytes(share)) }];
    });
  }

  private test(inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    const { header, rings } = this;
    const own = concat(prefix(header, 'deal'), this.state.get('share'));
    const bodies = bodiesOf(header, inbox, 'deal', this.site, own, this.site);
    using secrets = new Secrets();
    const share = bodies
      .map((body, i) => {
        const dealt = secrets.keep(
          toWords(payload(body, prefix(header, 'deal'), POLY_BYTES, 'MESSAGE_MALFORMED', header.roster[i])),
        );
        if (!rings.data.isReduced(dealt))
          throw new HeError('MESSAGE_MALFORMED', 'a residue of a dealt share is not below its prime', header.roster[i]);
        return dealt;
      })
      .reduce((sum, dealt) => secrets.keep(rings.data.add(sum, dealt)));
    const random = keystreamWords(secrets.keep(derive(this.state.get('root'), 'self-test')));
    const parts = this.#windows().map((first) => {
      const key = secrets.keep(weighted(rings.data, share, this.#index + 1, this.#windowXs(first)));
      const product = secrets.keep(
        rings.data.inverse(secrets.keep(rings.data.multiply(this.#testCiphertext(first).c1, key))),
      );
      const smudging = secrets.keep(rings.data.smudging(secrets.keep(random(DEGREE)), SMUDGING_BITS));
      return toBytes(opened(rings.data.add(product, smudging)));
    });
    this.state.set('share', toBytes(share).slice());
    this.state.set('test', concat(prefix(header, 'test'), ...parts));
    return [this.#broadcast('test', this.state.get('test'))];
  }

  private confirm(inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    const { header } = this;
    const bodies = bodiesOf(header, inbox, 'test', this.site, this.state.get('test'));
    const answers = bodies.map((body, i) => this.#testShares(body, i));
    const n = header.roster.length;
    for (let first = 0; first <= n - header.threshold; first++) {
      const shares = answers.slice(first, first + header.threshold).map((answer) => present(answer.get(first)));
      if (!opensTo(this.#testCiphertext(first), shares, n)) {
        const sites = header.roster.slice(first, first + header.threshold).join(', ');
        throw new HeError(
          'SELF_TEST_FAILED',
          `known values did not open with ${sites}: a share was dealt or used wrongly; repeat the epoch`,
        );
      }
    }
    this.state.set('transcript', extend(this.state.get('transcript'), 'test', bodies));
    this.state.forget('test');
    return [this.#broadcast('confirm', confirmation(header, this.state.get('transcript')))];
  }

  #testShares(body: Uint8Array, index: number): Map<number, BigUint64Array> {
    const site = this.header.roster[index];
    const windows = this.#windows(index);
    const content = payload(
      body,
      prefix(this.header, 'test'),
      windows.length * TEST_SHARE_BYTES,
      'MESSAGE_MALFORMED',
      site,
    );
    return new Map(
      windows.map((first, k) => {
        const share = toWords(content.subarray(k * TEST_SHARE_BYTES, (k + 1) * TEST_SHARE_BYTES));
        if (!isReducedTestShare(share))
          throw new HeError('MESSAGE_MALFORMED', 'a residue of a test share is not below its prime', site);
        return [first, share];
      }),
    );
  }

  #testCiphertext(first: number): ReturnType<typeof testCiphertext> {
    const b = atDataLevel(toWords(this.state.get('publicKey')));
    return testCiphertext(this.rings.data, atDataLevel(this.common), b, this.state.get('transcript'), first);
  }

  #windows(index = this.#index): number[] {
    return windowsOf(index, this.header.roster.length, this.header.threshold);
  }

  #windowXs(first: number): number[] {
    return Array.from({ length: this.header.threshold }, (_, i) => first + i + 1);
  }

  #broadcast(step: Step, body: Uint8Array): CeremonyMessage {
    // A copy: what stays in the state is zeroised later.
    return { step, from: this.site, body: body.slice() };
  }
}
