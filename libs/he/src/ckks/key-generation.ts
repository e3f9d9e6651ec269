import { HeError } from '../errors.js';
import { siteIndex } from '../header.js';
import { derive, keystreamWords } from '../random.js';
import type { Poly } from '../ring/ring.js';
import type { CeremonyMessage, KeyEpochHeader } from '../scheme.js';
import { Secrets, present } from '../secrets.js';
import type { SiteState } from '../site-state.js';
import { bodiesOf, confirmation, emptyTranscript, extend } from '../transcript.js';
import { concat, payload, prefix, toBytes, toWords } from '../wire.js';
import { CKKS_KIND, type CKKS_STEPS, DEGREE } from './parameters.js';
import { COMMITMENT_BYTES, PublicKeyProtocol } from './public-key-protocol.js';
import { type Rings, atDataLevel } from './rings.js';
import type { SealSampler } from './seal-sampler.js';
import { SelfTest } from './self-test.js';
import { Thresholdizer } from './thresholdizer.js';

type Step = (typeof CKKS_STEPS)[number];
const KEY_SHARE_BYTES = 2 * DEGREE * 8;

/** What a site keeps between steps of this DKG. */
export const CKKS_SECTIONS = ['commit', 'commits', 'reveal', 'test', 'secretKey', 'collectiveKey'] as const;
export type CkksState = SiteState<(typeof CKKS_SECTIONS)[number]>;

/**
 * The distributed key generation (DKG) at one site (Mouchet et al., eprint 2020/304 and 2022/780): commit to the
 * public-key share b_i, reveal it with proof of possession, deal Shamir shares of the secret key s_i and forget s_i,
 * decrypt known values with t sites, confirm the transcript.
 * After `commit` every step is a function of the stored state and of what the step before brought: a step repeated after
 * a crash posts the same bytes, so that no second sharing and no second smudging of one ciphertext ever exists. The
 * transcript is chained step by step, each message is read once, and the last step confirms what was read.
 */
export class CkksKeyGeneration {
  private readonly index: number;
  private readonly publicKeys: PublicKeyProtocol;
  private readonly thresholdizer: Thresholdizer;
  private readonly selfTest: SelfTest;

  constructor(
    private readonly header: KeyEpochHeader,
    private readonly site: string,
    private readonly rings: Rings,
    private readonly sampler: SealSampler,
    private readonly state: CkksState,
  ) {
    this.index = siteIndex(header, site);
    this.publicKeys = new PublicKeyProtocol(rings.key, header);
    this.thresholdizer = new Thresholdizer(rings.data, header.threshold, header.roster.length);
    this.selfTest = new SelfTest(rings.data, header, this.thresholdizer);
  }

  get common(): Poly {
    return this.publicKeys.common;
  }

  run(step: Step, inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    return this[step](inbox);
  }

  private commit(): CeremonyMessage[] {
    const root = this.state.get('root');
    using secrets = new Secrets();
    const random = keystreamWords(secrets.keep(derive(root, 'possession')));
    const { secretKey, reveal } = this.publicKeys.genShare(this.index, this.sampler, derive(root, 'nonce'), random);
    this.state.set('secretKey', toBytes(atDataLevel(secrets.keep(secretKey))).slice());
    this.state.set('reveal', reveal);
    this.state.set('commit', this.publicKeys.commitment(this.index, reveal));
    return [this.toAll('commit', this.state.get('commit'))];
  }

  private reveal(inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    const commits = bodiesOf(this.header, inbox, 'commit', this.site, this.state.get('commit'));
    commits.forEach((body, i) => this.publicKeys.checkCommitment(i, body));
    this.state.set('transcript', extend(emptyTranscript(this.header), 'commit', commits));
    this.state.set('commits', concat(...commits));
    this.state.forget('commit');
    return [this.toAll('reveal', this.state.get('reveal'))];
  }

  private deal(inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    const { header } = this;
    const commits = this.state.get('commits');
    const reveals = bodiesOf(header, inbox, 'reveal', this.site, this.state.get('reveal'));
    const commitmentOf = (i: number): Uint8Array => commits.subarray(i * COMMITMENT_BYTES, (i + 1) * COMMITMENT_BYTES);
    const collectiveKey = this.publicKeys.aggregateShares(
      reveals.map((body, i) =>
        i === this.index ? this.publicKeys.shareOf(body) : this.publicKeys.verifiedShare(i, commitmentOf(i), body),
      ),
    );
    using secrets = new Secrets();
    const secretKey = secrets.keep(toWords(this.state.get('secretKey')));
    const dealt = this.thresholdizer.genShares(
      secretKey,
      keystreamWords(secrets.keep(derive(this.state.get('root'), 'shamir'))),
    );
    this.state.set('transcript', extend(this.state.get('transcript'), 'reveal', reveals));
    this.state.set('collectiveKey', toBytes(collectiveKey));
    this.state.set('keyShare', toBytes(present(dealt[this.index])));
    // From here on nobody can recover s_i without t sites.
    this.state.forget('secretKey', 'commits', 'reveal');
    return dealt.flatMap((share, i) => {
      const to = present(header.roster[i]);
      return to === this.site
        ? []
        : [{ step: 'deal', from: this.site, to, body: concat(prefix(header, CKKS_KIND.deal), toBytes(share)) }];
    });
  }

  private test(inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    const { header, rings } = this;
    const own = concat(prefix(header, CKKS_KIND.deal), this.state.get('keyShare'));
    const bodies = bodiesOf(header, inbox, 'deal', this.site, own, this.site);
    using secrets = new Secrets();
    const dealt = bodies.map((body, i) => {
      const share = secrets.keep(
        toWords(payload(body, prefix(header, CKKS_KIND.deal), KEY_SHARE_BYTES, 'MESSAGE_MALFORMED', header.roster[i])),
      );
      if (!rings.data.isReduced(share))
        throw new HeError('MESSAGE_MALFORMED', 'a residue of a dealt share is not below its prime', header.roster[i]);
      return share;
    });
    const keyShare = secrets.keep(this.thresholdizer.aggregateShares(dealt));
    const random = keystreamWords(secrets.keep(derive(this.state.get('root'), 'self-test')));
    const body = this.selfTest.genShare(this.index, keyShare, this.testKey(), random);
    this.state.set('keyShare', toBytes(keyShare).slice());
    this.state.set('test', body);
    return [this.toAll('test', this.state.get('test'))];
  }

  private confirm(inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    const { header } = this;
    const bodies = bodiesOf(header, inbox, 'test', this.site, this.state.get('test'));
    this.selfTest.verifyShares(bodies, this.testKey());
    this.state.set('transcript', extend(this.state.get('transcript'), 'test', bodies));
    this.state.forget('test');
    return [this.toAll('confirm', confirmation(header, this.state.get('transcript')))];
  }

  /** What the test ciphertexts are made from: the collective key at the data level, and everything said so far. */
  private testKey(): { a: Poly; b: Poly; transcript: Uint8Array } {
    return {
      a: atDataLevel(this.common),
      b: atDataLevel(toWords(this.state.get('collectiveKey'))),
      transcript: this.state.get('transcript'),
    };
  }

  private toAll(step: Step, body: Uint8Array): CeremonyMessage {
    // A copy: what stays in the state is zeroised later.
    return { step, from: this.site, body: body.slice() };
  }
}
