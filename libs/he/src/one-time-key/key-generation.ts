import { createHash } from 'node:crypto';
import { HeError } from '../errors.js';
import { siteIndex } from '../header.js';
import { derive, keystream } from '../random.js';
import type { CeremonyMessage } from '../scheme.js';
import { Secrets, present } from '../secrets.js';
import type { SiteState } from '../site-state.js';
import { bodiesOf, confirmation, emptyTranscript, extend } from '../transcript.js';
import { concat, equal, payload, prefix, toBytes } from '../wire.js';
import { fieldSharing } from './field-sharing.js';
import type { MaskRing } from './mask-ring.js';
import { KEY_SHARE_BYTES, ONE_TIME_KEY_KIND, type OneTimeKeyParameters } from './parameters.js';

/** What a site keeps between steps of this DKG, `seeds` until it has encrypted: one for the secret key of each sum. */
export const ONE_TIME_KEY_SECTIONS = ['commitments', 'dealt', 'seeds'] as const;
export type OneTimeKeyState = SiteState<(typeof ONE_TIME_KEY_SECTIONS)[number]>;
export const SEED_BYTES = 32;

/**
 * The distributed key generation (DKG): deals key shares of one fresh secret key per sum. Step `deal`: every site posts to
 * each other one its shares of all its secret keys, and to all the SHA-256 of each such message, so that what a site got
 * privately is in the transcript too. Step `confirm`: checks, keeps and confirms. Every step is a function of stored state
 * and inbox.
 */
export class OneTimeKeyGeneration {
  private readonly index: number;

  constructor(
    private readonly parameters: OneTimeKeyParameters,
    private readonly site: string,
    private readonly ring: MaskRing,
    private readonly state: OneTimeKeyState,
  ) {
    this.index = siteIndex(parameters.header, site);
  }

  run(step: string, inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    return step === 'deal' ? this.deal() : this.confirm(inbox);
  }

  private deal(): CeremonyMessage[] {
    const { header } = this.parameters;
    const root = this.state.get('root');
    using secrets = new Secrets();
    const random = keystream(secrets.keep(derive(root, 'one-time-key/shamir')));
    const seeds = Array.from({ length: header.sums }, (_, sum) =>
      secrets.keep(derive(root, 'one-time-key/secret', Uint8Array.of(sum & 255, sum >> 8))),
    );
    const perSum = seeds.map((seed) =>
      fieldSharing
        .genShares(secrets.keep(secretKeyOf(this.ring, seed)), header.threshold, header.roster.length, random)
        .map((share) => secrets.keep(share)),
    );
    const bodies = header.roster.map((_, i) =>
      concat(prefix(header, ONE_TIME_KEY_KIND.deal), ...perSum.map((shares) => toBytes(present(shares[i])))),
    );
    const commitments = concat(
      prefix(header, ONE_TIME_KEY_KIND.commitments),
      ...bodies.map((body) => createHash('sha256').update(body).digest()),
    );
    this.state.set('seeds', concat(...seeds));
    this.state.set('dealt', present(bodies[this.index]));
    this.state.set('commitments', commitments);
    return [
      { step: 'deal', from: this.site, body: commitments.slice() },
      ...header.roster.flatMap((to, i) =>
        to === this.site ? [] : [{ step: 'deal', from: this.site, to, body: present(bodies[i]) }],
      ),
    ];
  }

  private confirm(inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    const { header } = this.parameters;
    const commitments = bodiesOf(header, inbox, 'deal', this.site, this.state.get('commitments'));
    const dealt = bodiesOf(header, inbox, 'deal', this.site, this.state.get('dealt'), this.site);
    const shares = dealt.map((body, i) => {
      const site = header.roster[i];
      const content = payload(
        body,
        prefix(header, ONE_TIME_KEY_KIND.deal),
        header.sums * KEY_SHARE_BYTES,
        'MESSAGE_MALFORMED',
        site,
      );
      const hashes = payload(
        present(commitments[i]),
        prefix(header, ONE_TIME_KEY_KIND.commitments),
        header.roster.length * 32,
        'MESSAGE_MALFORMED',
        site,
      );
      if (!equal(createHash('sha256').update(body).digest(), hashes.subarray(this.index * 32, this.index * 32 + 32))) {
        throw new HeError('COMMITMENT_BROKEN', 'a site dealt other shares than it committed to', site);
      }
      if (!fieldSharing.isReduced(new Uint16Array(content.slice().buffer)))
        throw new HeError('MESSAGE_MALFORMED', 'a number of a dealt share is not below 65521', site);
      return content;
    });
    this.state.set('transcript', extend(emptyTranscript(header), 'deal', commitments));
    this.state.set('keyShare', concat(...shares));
    this.state.forget('commitments', 'dealt');
    return [{ step: 'confirm', from: this.site, body: confirmation(header, this.state.get('transcript')) }];
  }
}

/** The one-time secret key behind a seed. */
export function secretKeyOf(ring: MaskRing, seed: Uint8Array): Int32Array {
  using secrets = new Secrets();
  const secretKey = ring.gaussian(keystream(secrets.keep(derive(seed, 'one-time-key/gaussian'))));
  ring.wipe();
  return secretKey;
}

/** Where the share that `dealer` gave for `sum` stands in the kept ones. @throws HeError STATE_INVALID outside of them */
export function dealtShareAt(kept: Uint8Array, sums: number, dealer: number, sum: number): Uint8Array {
  if (dealer < 0 || (dealer * sums + sum + 1) * KEY_SHARE_BYTES > kept.length)
    throw new HeError('STATE_INVALID', 'a key share of this key epoch is missing');
  return kept.subarray((dealer * sums + sum) * KEY_SHARE_BYTES, (dealer * sums + sum + 1) * KEY_SHARE_BYTES);
}
