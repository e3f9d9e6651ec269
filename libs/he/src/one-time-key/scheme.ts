import { defineScheme } from '../define-scheme.js';
import { ONE_TIME_KEY_SECTIONS } from './key-generation.js';
import { ONE_TIME_KEY_NAME, ONE_TIME_KEY_STEPS, OneTimeKeyParameters } from './parameters.js';

/** Key-homomorphic masking with a secret key per site and sum, as in LERNA, ACORN and Willow (2022 to 2024). */
export const oneTimeKey = defineScheme({
  name: ONE_TIME_KEY_NAME,
  title: 'one-time keys',
  dkgSteps: ONE_TIME_KEY_STEPS,
  stateSections: ONE_TIME_KEY_SECTIONS,
  parameters: OneTimeKeyParameters.from,
  secretHalf: async () => (await import('./site.js')).oneTimeKeySecretHalf(),
  publicHalf: async () => (await import('./coordinator.js')).oneTimeKeyPublicHalf(),
});
