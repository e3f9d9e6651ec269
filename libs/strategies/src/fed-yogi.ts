import { adaptive } from './adaptive.js';
import type { Strategy } from './strategy.js';

/** FedYogi: v ← v − (1 − β₂)·Δ²·sign(v − Δ²). Reddi et al. 2021, https://arxiv.org/abs/2003.00295 */
export function fedYogi(params: Readonly<Record<string, unknown>> = {}): Strategy {
  const secondMoment = (v: number, square: number, beta2: number) => v - (1 - beta2) * square * Math.sign(v - square);
  return adaptive({ name: 'fedyogi', serverLearningRate: 0.01, beta1: 0.9, decays: true, secondMoment }, params);
}
