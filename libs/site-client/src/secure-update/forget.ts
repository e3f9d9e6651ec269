import type { EpochStore } from './epoch-store.js';
import type { ShareStore } from './share-store.js';
import type { UploadStore } from './upload-store.js';

export interface SumStores {
  readonly epochs: EpochStore;
  readonly uploads: UploadStore;
  readonly shares: ShareStore;
}

/**
 * Forgets everything about key epochs in which nothing is open any more: key share, uploads and decryption shares. Who had
 * them later, with t−1 others, could read what was never opened.
 */
export function forgetAllBut(epochIds: readonly string[], { epochs, uploads, shares }: SumStores): void {
  epochs.keepOnly(epochIds);
  const sums = epochs.sumIds();
  uploads.keepOnly(sums);
  shares.keepOnly(sums);
}
