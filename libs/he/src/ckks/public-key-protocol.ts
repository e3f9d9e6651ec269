import { createHash } from 'node:crypto';
import { HeError } from '../errors.js';
import { headerDigest } from '../header.js';
import { publicWords } from '../random.js';
import type { Poly, RandomWords, Ring } from '../ring/ring.js';
import type { KeyEpochHeader } from '../scheme.js';
import { Secrets } from '../secrets.js';
import { PREFIX_BYTES, concat, equal, payload, prefix, toBytes, toWords } from '../wire.js';
import { CKKS_KIND, NONCE_BYTES, PUBLIC_KEY_SHARE_BYTES, REVEAL_BYTES } from './parameters.js';
import { prove, verify } from './proof-of-possession.js';
import type { SealSampler } from './seal-sampler.js';

export const COMMITMENT_BYTES = PREFIX_BYTES + 32;

/**
 * The collective public key (b, a) with b = Σ b_i (Mouchet et al., eprint 2020/304, section 4.1), by commit and reveal.
 * Body of `reveal`: nonce (32 bytes), the public-key share b_i (3·N words), a proof of possession. Body of `commit`:
 * SHA-256 of it under the site's index. Committing first keeps a site from choosing b_i after seeing the others' (the
 * rogue key b - Σ b_j).
 */
export class PublicKeyProtocol {
  private sampled: Poly | undefined;

  /** @param ring at the key level */
  constructor(
    private readonly ring: Ring,
    private readonly header: KeyEpochHeader,
  ) {}

  /** a: uniform modulo every prime, from the public seed and everything else in the header. */
  get common(): Poly {
    const { seed } = this.header;
    return (this.sampled ??= this.ring.uniform(
      publicWords('common-polynomial/v1', Buffer.from(seed, 'hex'), Buffer.from(headerDigest(this.header), 'hex')),
    ));
  }

  /**
   * A fresh secret key s_i, which the caller zeroises, and the body of `reveal` for b_i = e_i - a·s_i.
   * @param random secret words for the proof
   */
  genShare(
    index: number,
    sampler: SealSampler,
    nonce: Uint8Array,
    random: RandomWords,
  ): { secretKey: Poly; reveal: Uint8Array } {
    const { ring } = this;
    using secrets = new Secrets();
    const { secretKey, b, a } = sampler.sampleKey();
    const error = secrets.keep(ring.add(b, secrets.keep(ring.multiply(a, secretKey))));
    const share = ring.subtract(error, secrets.keep(ring.multiply(this.common, secretKey)));
    return {
      secretKey,
      reveal: this.reveal(
        nonce,
        share,
        prove(ring, { a: this.common, b: share, context: this.contextOf(index) }, secretKey, error, random),
      ),
    };
  }

  reveal(nonce: Uint8Array, share: Poly, proof: Uint8Array): Uint8Array {
    return concat(prefix(this.header, CKKS_KIND.reveal), nonce, toBytes(share), proof);
  }

  commitment(index: number, reveal: Uint8Array): Uint8Array {
    const hash = createHash('sha256').update('koinon/he/commit/v1\0').update(this.contextOf(index)).update(reveal);
    return concat(prefix(this.header, CKKS_KIND.commit), hash.digest());
  }

  /** @throws HeError MESSAGE_MALFORMED */
  checkCommitment(index: number, body: Uint8Array): void {
    payload(
      body,
      prefix(this.header, CKKS_KIND.commit),
      COMMITMENT_BYTES - PREFIX_BYTES,
      'MESSAGE_MALFORMED',
      this.header.roster[index],
    );
  }

  /** b_i of a body that this site made or that was verified. */
  shareOf(reveal: Uint8Array): Poly {
    const from = PREFIX_BYTES + NONCE_BYTES;
    return toWords(reveal.subarray(from, from + PUBLIC_KEY_SHARE_BYTES));
  }

  /** The site's b_i. @throws HeError MESSAGE_MALFORMED, COMMITMENT_BROKEN, PROOF_REJECTED naming the site */
  verifiedShare(index: number, commitment: Uint8Array, reveal: Uint8Array): Poly {
    const site = this.header.roster[index];
    const content = payload(reveal, prefix(this.header, CKKS_KIND.reveal), REVEAL_BYTES, 'MESSAGE_MALFORMED', site);
    if (!equal(this.commitment(index, reveal), commitment)) {
      throw new HeError('COMMITMENT_BROKEN', 'a site revealed another public-key share than it committed to', site);
    }
    const b = this.shareOf(reveal);
    if (!this.ring.isReduced(b))
      throw new HeError('MESSAGE_MALFORMED', 'a residue of the public-key share is not below its prime', site);
    const proof = content.subarray(NONCE_BYTES + PUBLIC_KEY_SHARE_BYTES);
    if (!verify(this.ring, { a: this.common, b, context: this.contextOf(index) }, proof)) {
      throw new HeError(
        'PROOF_REJECTED',
        'a site could not prove that it knows the secret key of its public-key share',
        site,
      );
    }
    return b;
  }

  /** b = Σ b_i */
  aggregateShares(shares: readonly Poly[]): Poly {
    return shares.reduce((sum, b) => this.ring.add(sum, b));
  }

  /** What a proof is bound to: the key epoch and the site that proves. */
  contextOf(index: number): Uint8Array {
    return concat(Buffer.from(headerDigest(this.header), 'hex'), Uint8Array.of(index));
  }
}
