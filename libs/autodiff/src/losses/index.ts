import { binaryCrossEntropy } from './binary-cross-entropy.js';
import { crossEntropy } from './cross-entropy.js';
import type { Loss, LossKind } from './loss.js';
import { meanSquaredError } from './mean-squared-error.js';

export const losses: Record<LossKind, Loss> = {
  'cross-entropy': crossEntropy,
  'binary-cross-entropy': binaryCrossEntropy,
  mse: meanSquaredError,
};
export type { LossKind, LossOptions } from './loss.js';
