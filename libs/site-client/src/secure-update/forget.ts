import type { Assignments } from '@koinon/contracts';
import type { SumStores } from './sum-stores.js';

/**
 * Forgets everything about key epochs in which nothing is open any more: key share, uploads and decryption shares. Who had
 * them later, with t−1 others, could read what was never decrypted. Control variates go with their run.
 */
export function forgetAllBut(
  open: Pick<Assignments, 'keyEpochs' | 'runs'>,
  { keyEpochs, uploads, shares, controls }: SumStores,
): void {
  controls.keepOnly(open.runs);
  keyEpochs.keepOnly(open.keyEpochs);
  const sums = keyEpochs.sumIds();
  uploads.keepOnly(sums);
  shares.keepOnly(sums);
}
