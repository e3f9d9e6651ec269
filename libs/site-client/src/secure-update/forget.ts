import type { KeyEpochStore } from './key-epoch-store.js';
import type { DecryptionShareStore } from './decryption-share-store.js';
import type { UploadStore } from './upload-store.js';

export interface SumStores {
  readonly keyEpochs: KeyEpochStore;
  readonly uploads: UploadStore;
  readonly shares: DecryptionShareStore;
}

/**
 * Forgets everything about key epochs in which nothing is open any more: key share, uploads and decryption shares. Who had
 * them later, with t−1 others, could read what was never decrypted.
 */
export function forgetAllBut(keyEpochIds: readonly string[], { keyEpochs, uploads, shares }: SumStores): void {
  keyEpochs.keepOnly(keyEpochIds);
  const sums = keyEpochs.sumIds();
  uploads.keepOnly(sums);
  shares.keepOnly(sums);
}
