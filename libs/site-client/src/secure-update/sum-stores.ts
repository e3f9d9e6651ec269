import { join } from 'node:path';
import { ControlStore } from './control-store.js';
import { DecryptionShareStore } from './decryption-share-store.js';
import { KeyEpochStore } from './key-epoch-store.js';
import { UploadStore } from './upload-store.js';

/** What a site keeps of secure sums, each kind in a folder of its home. */
export interface SumStores {
  readonly keyEpochs: KeyEpochStore;
  readonly uploads: UploadStore;
  readonly shares: DecryptionShareStore;
  readonly controls: ControlStore;
}

export const createSumStores = (home: string, site: string): SumStores => ({
  keyEpochs: new KeyEpochStore(join(home, 'epochs'), site),
  uploads: new UploadStore(join(home, 'uploads')),
  shares: new DecryptionShareStore(join(home, 'shares')),
  controls: new ControlStore(join(home, 'controls')),
});
