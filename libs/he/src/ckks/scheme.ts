import { defineScheme } from '../define-scheme.js';
import { CKKS_SECTIONS } from './key-generation.js';
import { CKKS_NAME, CKKS_STEPS, CkksParameters } from './parameters.js';

/**
 * Multiparty CKKS with t-of-n decryption (Mouchet et al., eprint 2020/304 and 2022/780), with coefficient packing: sums
 * of integers are exact.
 */
export const ckksThreshold = defineScheme({
  name: CKKS_NAME,
  title: 'threshold CKKS',
  dkgSteps: CKKS_STEPS,
  stateSections: CKKS_SECTIONS,
  parameters: CkksParameters.from,
  secretHalf: async () => (await import('./site.js')).ckksSecretHalf(),
  publicHalf: async () => (await import('./coordinator.js')).ckksPublicHalf(),
});
