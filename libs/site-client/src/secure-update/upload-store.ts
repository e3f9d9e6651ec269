import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as yieldThread } from 'node:timers/promises';
import { CodedError } from '@koinon/contracts';
import { namesIn, readIfThere, wipe, writeDurably } from '@koinon/service';

/**
 * Blocks of encrypted uploads, on disk before the first byte is sent: after a crash the same bytes go out again. Blocks that are
 * dropped are zeroised: a crash may leave two ciphertexts under one one-time key, which tell whoever reads both of the plaintexts.
 */
export class UploadStore {
  /** Sums whose blocks are being made: nothing on disk names them yet. */
  private readonly unrecorded = new Set<string>();

  constructor(private readonly folder: string) {}

  /**
   * Lets the thread go between two blocks: a million values under CKKS take it a second or two, for which no other sum may wait.
   * @param record makes the upload known, given the SHA-256 of each block; without it the blocks are wiped again
   */
  async save(sumId: string, blocks: Iterable<Uint8Array>, record: (digests: Buffer[]) => void): Promise<void> {
    this.unrecorded.add(sumId);
    try {
      wipe(join(this.folder, sumId));
      const digests: Buffer[] = [];
      for (const block of blocks) {
        writeDurably(this.file(sumId, digests.length), block);
        digests.push(createHash('sha256').update(block).digest());
        await yieldThread();
      }
      record(digests);
    } catch (error) {
      wipe(join(this.folder, sumId));
      throw error;
    } finally {
      this.unrecorded.delete(sumId);
    }
  }

  /** @throws CodedError SITE_STATE_LOST when a block is gone */
  load(sumId: string, blocks: number): Uint8Array[] {
    return Array.from({ length: blocks }, (_, index) => {
      const block = readIfThere(this.file(sumId, index));
      if (!block) throw new CodedError('SITE_STATE_LOST', 'a stored block of the upload is gone');
      return new Uint8Array(block);
    });
  }

  /** Wipes every upload but these and those being made. */
  keepOnly(sumIds: readonly string[]): void {
    for (const name of namesIn(this.folder))
      if (!sumIds.includes(name) && !this.unrecorded.has(name)) wipe(join(this.folder, name));
  }

  private file(sumId: string, index: number): string {
    return join(this.folder, sumId, `${index}.block`);
  }
}
