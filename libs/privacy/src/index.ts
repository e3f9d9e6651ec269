export { epsilonOf, type Accountant } from './accountant.js';
export { calibrateNoise, LEAST_NOISE_MULTIPLIER, type CalibrationTarget } from './calibrate.js';
export { gridIsFine, noiseDeviation } from './clipped-sum.js';
export { PrivacyError, type PrivacyErrorCode } from './errors.js';
export { spent, spentWith, type Budget, type Ledger } from './ledger.js';
export type { FullGaussian, Mechanism, SampledGaussian } from './mechanism.js';
export { addGaussianNoise } from './noise.js';
export { poissonSample, randomGroups } from './poisson-sample.js';
export type { RandomBytes } from './random-words.js';
