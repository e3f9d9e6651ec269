import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { CodedError } from '@koinon/contracts';
import { createDurably, readIfThere } from '../durable-file.js';

/**
 * One decryption share per sum, ever: a second one over another list, active set or noise would leak the key.
 * The intent is on disk before the share is made, and the share before it is sent. A crash in between
 * leaves an intent without a share: that sum is lost to this site, and it says so.
 */
export class ShareStore {
  constructor(private readonly folder: string) {}

  /**
   * @param closing the signed closing statement the share answers
   * @param make called at most once per sum, whatever happens
   * @returns the share; the same bytes again when asked again for the same closing
   * @throws CodedError SHARE_REFUSED
   */
  once(sumId: string, closing: Uint8Array, make: () => Uint8Array): Uint8Array {
    const intent = createHash('sha256').update(closing).digest('hex');
    const intentFile = join(this.folder, `${sumId}.intent`);
    const shareFile = join(this.folder, `${sumId}.share`);
    if (createDurably(intentFile, intent)) {
      const share = make();
      createDurably(shareFile, share);
      return share;
    }
    if (readIfThere(intentFile)?.toString('utf8') !== intent) throw new CodedError('SHARE_REFUSED', 'asked to decrypt the same sum in two ways');
    const stored = readIfThere(shareFile);
    if (!stored) throw new CodedError('SHARE_REFUSED', 'interrupted while making the share; a second one is not made');
    return stored;
  }
}
