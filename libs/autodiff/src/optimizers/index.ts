import { adam, type AdamOptions } from './adam.js';
import type { Optimizer } from './optimizer.js';
import { sgd, type SgdOptions } from './sgd.js';

export type OptimizerOptions = SgdOptions | AdamOptions;

export function optimizerOf(options: OptimizerOptions): Optimizer {
  return options.kind === 'sgd' ? sgd(options) : adam(options);
}
export type { AdamOptions } from './adam.js';
export type { SgdOptions } from './sgd.js';
export type { Optimizer } from './optimizer.js';
