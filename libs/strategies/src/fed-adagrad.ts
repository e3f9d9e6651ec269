import { adaptive } from './adaptive.js';
import type { Strategy } from './strategy.js';

/** FedAdagrad: v ← v + Δ², by default without momentum. Reddi et al. 2021, https://arxiv.org/abs/2003.00295 */
export function fedAdagrad(params: Readonly<Record<string, unknown>> = {}): Strategy {
  const secondMoment = (v: number, square: number) => v + square;
  return adaptive({ name: 'fedadagrad', serverLearningRate: 0.1, beta1: 0, decays: false, secondMoment }, params);
}
