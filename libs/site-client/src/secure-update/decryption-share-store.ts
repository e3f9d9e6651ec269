import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CodedError } from '@koinon/contracts';
import { createDurably, namesIn, readIfThere, removeUnfinished, wipeFile } from '@koinon/service';

/** Shares that can be sent again. Intents, a few bytes each, are kept for ever. */
const KEPT = 8;

/**
 * One decryption share per sum, ever: a second one over another list, other decryptors or other noise would leak the key.
 * The intent is on disk before the share is made, and the share before it is sent. A crash in between
 * leaves an intent without a share: that sum is lost to this site, and it says so.
 */
export class DecryptionShareStore {
  constructor(private readonly folder: string) {
    removeUnfinished(folder);
  }

  /**
   * @param commitment the signed commitment statement the share answers
   * @param make called at most once per sum, whatever happens
   * @returns the share; the same bytes again when asked again for the same commitment
   * @throws CodedError SHARE_REFUSED
   */
  once(sumId: string, commitment: Uint8Array, make: () => Uint8Array): Uint8Array {
    const intent = createHash('sha256').update(commitment).digest('hex');
    const intentFile = join(this.folder, `${sumId}.intent`);
    const shareFile = join(this.folder, `${sumId}.share`);
    if (createDurably(intentFile, intent)) {
      const share = make();
      createDurably(shareFile, share);
      this.prune();
      return share;
    }
    if (readIfThere(intentFile)?.toString('utf8') !== intent)
      throw new CodedError('SHARE_REFUSED', 'asked to decrypt the same sum in two ways');
    const stored = readIfThere(shareFile);
    if (!stored) throw new CodedError('SHARE_REFUSED', 'interrupted while making the share; a second one is not made');
    return new Uint8Array(stored);
  }

  /** Wipes the shares of all sums but these; that they were made stays known. */
  keepOnly(sumIds: readonly string[]): void {
    for (const file of this.files()) if (!sumIds.includes(basename(file, '.share'))) wipeFile(file);
  }

  private prune(): void {
    const newestFirst = this.files()
      .map((file) => ({ file, at: statSync(file).mtimeMs }))
      .toSorted((a, b) => b.at - a.at);
    for (const { file } of newestFirst.slice(KEPT)) wipeFile(file);
  }

  private files(): string[] {
    return namesIn(this.folder)
      .filter((name) => name.endsWith('.share'))
      .map((name) => join(this.folder, name));
  }
}
