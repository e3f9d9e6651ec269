import { createHash } from 'node:crypto';
import { HeError } from '../errors.js';
import { siteIndex } from '../header.js';
import { derive, keystream } from '../random.js';
import type { CeremonyMessage } from '../scheme.js';
import { Secrets, present } from '../secrets.js';
import type { SiteState } from '../site-state.js';
import { bodiesOf, confirmation, emptyTranscript, extend } from '../transcript.js';
import { concat, equal, payload, prefix, toBytes } from '../wire.js';
import { isInField, shareOut } from './field-shares.js';
import type { MaskRing } from './mask-ring.js';
import { DEGREE, type OneTimeKeyParameters } from './parameters.js';
import { ONE_TIME_KEY_STEPS } from './steps.js';

export const SHARE_BYTES = DEGREE * 2;
export const SEED_BYTES = 32;

/**
 * Deals shares of one fresh secret per sum. Step `deal`: every site posts to each other one its shares of all its
 * secrets, and to all the SHA-256 of each such message, so that what a site got privately is in the transcript too.
 * Step `confirm`: checks, keeps and confirms. Every step is a function of stored state and inbox.
 */
export class OneTimeKeyCeremony {
  readonly #index: number;

  constructor(
    private readonly parameters: OneTimeKeyParameters,
    private readonly site: string,
    private readonly ring: MaskRing,
    private readonly state: SiteState,
  ) {
    this.#index = siteIndex(parameters.header, site);
  }

  run(step: string, inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    const expected = ONE_TIME_KEY_STEPS[this.state.finished];
    if (step !== expected)
      throw new HeError(
        'STEP_OUT_OF_ORDER',
        expected ? `the next ceremony step is ${expected}` : 'the ceremony is over',
        this.site,
      );
    const messages = expected === 'deal' ? this.#deal() : this.#confirm(inbox);
    this.state.set('root', derive(this.state.get('root'), `ratchet/${step}`));
    this.state.finished++;
    return messages;
  }

  #deal(): CeremonyMessage[] {
    const { header } = this.parameters;
    const root = this.state.get('root');
    using secrets = new Secrets();
    const random = keystream(secrets.keep(derive(root, 'one-time-key/shamir')));
    const seeds = Array.from({ length: header.sums }, (_, sum) =>
      secrets.keep(derive(root, 'one-time-key/secret', Uint8Array.of(sum & 255, sum >> 8))),
    );
    const perSum = seeds.map((seed) =>
      shareOut(secrets.keep(secretOf(this.ring, seed)), header.threshold, header.roster.length, random).map((share) =>
        secrets.keep(share),
      ),
    );
    const bodies = header.roster.map((_, i) =>
      concat(prefix(header, 'deal'), ...perSum.map((shares) => toBytes(present(shares[i])))),
    );
    const commit = concat(
      prefix(header, 'commit'),
      ...bodies.map((body) => createHash('sha256').update(body).digest()),
    );
    this.state.set('secret', concat(...seeds));
    this.state.set('share', present(bodies[this.#index]));
    this.state.set('commit', commit);
    return [
      { step: 'deal', from: this.site, body: commit.slice() },
      ...header.roster.flatMap((to, i) =>
        to === this.site ? [] : [{ step: 'deal', from: this.site, to, body: present(bodies[i]) }],
      ),
    ];
  }

  #confirm(inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    const { header } = this.parameters;
    const commits = bodiesOf(header, inbox, 'deal', this.site, this.state.get('commit'));
    const dealt = bodiesOf(header, inbox, 'deal', this.site, this.state.get('share'), this.site);
    const shares = dealt.map((body, i) => {
      const site = header.roster[i];
      const content = payload(body, prefix(header, 'deal'), header.sums * SHARE_BYTES, 'MESSAGE_MALFORMED', site);
      const hashes = payload(
        present(commits[i]),
        prefix(header, 'commit'),
        header.roster.length * 32,
        'MESSAGE_MALFORMED',
        site,
      );
      if (
        !equal(createHash('sha256').update(body).digest(), hashes.subarray(this.#index * 32, this.#index * 32 + 32))
      ) {
        throw new HeError('COMMITMENT_BROKEN', 'a site dealt other shares than it committed to', site);
      }
      if (!isInField(new Uint16Array(content.slice().buffer)))
        throw new HeError('MESSAGE_MALFORMED', 'a number of a dealt share is not below 65521', site);
      return content;
    });
    this.state.set('transcript', extend(emptyTranscript(header), 'deal', commits));
    this.state.set('share', concat(...shares));
    this.state.forget('commit');
    return [{ step: 'confirm', from: this.site, body: confirmation(header, this.state.get('transcript')) }];
  }
}

/** The one-time secret behind a seed. */
export function secretOf(ring: MaskRing, seed: Uint8Array): Int32Array {
  using secrets = new Secrets();
  const secret = ring.gaussian(keystream(secrets.keep(derive(seed, 'one-time-key/gaussian'))));
  ring.wipe();
  return secret;
}

/** Where the share that `dealer` gave for `sum` stands in the kept shares. @throws HeError STATE_INVALID outside of them */
export function shareAt(kept: Uint8Array, sums: number, dealer: number, sum: number): Uint8Array {
  if (dealer < 0 || (dealer * sums + sum + 1) * SHARE_BYTES > kept.length)
    throw new HeError('STATE_INVALID', 'a share of this key epoch is missing');
  return kept.subarray((dealer * sums + sum) * SHARE_BYTES, (dealer * sums + sum + 1) * SHARE_BYTES);
}
