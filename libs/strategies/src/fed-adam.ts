import { adaptive } from './adaptive.js';
import type { Strategy } from './strategy.js';

/** FedAdam: v ← β₂·v + (1 − β₂)·Δ². Reddi et al. 2021, https://arxiv.org/abs/2003.00295 */
export function fedAdam(params: Readonly<Record<string, unknown>> = {}): Strategy {
  const secondMoment = (v: number, square: number, beta2: number) => beta2 * v + (1 - beta2) * square;
  return adaptive({ name: 'fedadam', serverLearningRate: 0.1, beta1: 0.9, decays: true, secondMoment }, params);
}
