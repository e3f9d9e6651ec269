import { CoordinatorLink } from '@koinon/site-client';
import type { Signer } from '@koinon/signing';
import { SignedRequests } from './signed-requests.fixture.js';

/** The link of a site's own client, which notes what goes over it. */
export class RecordingLink extends CoordinatorLink {
  /** Requests by hand in this site's name. */
  readonly byHand: SignedRequests;
  /** Blocks of uploads, by sum. */
  readonly uploaded = new Map<string, Uint8Array[]>();
  /** Different decryption shares, by sum: one each, ever. */
  readonly shares = new Map<string, Uint8Array[]>();
  /** Bytes of the last inbox, by its step. */
  readonly inboxBytes = new Map<string, number>();

  constructor(url: string, site: string, signer: Signer, signal: AbortSignal) {
    super(url, site, signer, signal);
    this.byHand = new SignedRequests(url, site, signer);
    const { inbox, putBlock, putDecryptionShare } = this;
    this.inbox = async (keyEpochId, step) => {
      const posts = await inbox(keyEpochId, step);
      const path = `/v1/site/key-epochs/${keyEpochId}/inbox?step=${step}`;
      // Looked at beside the client's own question: what ends this one is nothing to the site.
      const bytes = await this.byHand.bytes(path).catch(() => undefined);
      if (bytes) this.inboxBytes.set(step, bytes.length);
      return posts;
    };
    this.putBlock = (sumId, index, block) => {
      const blocks = this.uploaded.get(sumId) ?? [];
      blocks[index] = block;
      this.uploaded.set(sumId, blocks);
      this.byHand.puts.push({ path: `/v1/site/sums/${sumId}/blocks/${index}`, bytes: block });
      return putBlock(sumId, index, block);
    };
    this.putDecryptionShare = (sumId, share) => {
      const known = this.shares.get(sumId) ?? [];
      if (!known.some((other) => Buffer.compare(other, share) === 0)) this.shares.set(sumId, [...known, share]);
      this.byHand.puts.push({ path: `/v1/site/sums/${sumId}/decryption-share`, bytes: share });
      return putDecryptionShare(sumId, share);
    };
  }
}
