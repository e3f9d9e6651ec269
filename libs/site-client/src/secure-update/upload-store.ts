import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { CodedError } from '@koinon/contracts';
import { namesIn, readIfThere, wipe, writeDurably } from '@koinon/service';

/**
 * Blocks of encrypted uploads, on disk before the first byte is sent: after a crash the same bytes go out again. Blocks that are
 * dropped are zeroised: a crash may leave two ciphertexts under one one-time key, which tell whoever reads both of the plaintexts.
 */
export class UploadStore {
  constructor(private readonly folder: string) {}

  /** @returns SHA-256 of each block */
  save(sumId: string, blocks: Iterable<Uint8Array>): Buffer[] {
    wipe(join(this.folder, sumId));
    const digests: Buffer[] = [];
    for (const block of blocks) {
      writeDurably(this.file(sumId, digests.length), block);
      digests.push(createHash('sha256').update(block).digest());
    }
    return digests;
  }

  /** @throws CodedError SITE_STATE_LOST when a block is gone */
  load(sumId: string, blocks: number): Uint8Array[] {
    return Array.from({ length: blocks }, (_, index) => {
      const block = readIfThere(this.file(sumId, index));
      if (!block) throw new CodedError('SITE_STATE_LOST', 'a stored block of the upload is gone');
      return new Uint8Array(block);
    });
  }

  /** Wipes every upload but these. */
  keepOnly(sumIds: readonly string[]): void {
    for (const name of namesIn(this.folder)) if (!sumIds.includes(name)) wipe(join(this.folder, name));
  }

  private file(sumId: string, index: number): string {
    return join(this.folder, sumId, `${index}.block`);
  }
}
