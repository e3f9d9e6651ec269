import { checkParameters, decay, learningRate } from './parameters.js';
import { serverOptimizer } from './server-optimizer.js';
import type { Strategy } from './strategy.js';

/** The three adaptive algorithms differ in defaults and in how the second moment moves. */
export interface AdaptiveAlgorithm {
  readonly name: string;
  readonly serverLearningRate: number;
  readonly beta1: number;
  readonly decays: boolean;
  /** Next second moment v of one parameter from v and Δ². */
  readonly secondMoment: (v: number, square: number, beta2: number) => number;
}

/**
 * m ← β₁·m + (1 − β₁)·Δ, v by the algorithm, x ← x + η·m / (√v + τ), v₀ = τ², no bias correction.
 * Reddi et al. 2021, algorithm 2, https://arxiv.org/abs/2003.00295
 */
export function adaptive(algorithm: AdaptiveAlgorithm, params: Readonly<Record<string, unknown>>): Strategy {
  const shared = {
    serverLearningRate: learningRate(algorithm.serverLearningRate),
    beta1: decay(algorithm.beta1),
    tau: { default: 1e-3, min: 1e-12, max: 1 },
  };
  // A second moment that only grows has no β₂ to set.
  const checked = algorithm.decays
    ? checkParameters({ ...shared, beta2: decay(0.99) }, params)
    : checkParameters(shared, params);
  const { serverLearningRate, beta1, beta2, tau } = { beta2: 1, ...checked };
  return serverOptimizer({
    name: algorithm.name,
    params: checked,
    initial: { m: 0, v: tau * tau },
    move: (state, { weights, delta }) => {
      const m = delta.map((change, i) => beta1 * state['m']![i]! + (1 - beta1) * change);
      const v = delta.map((change, i) => algorithm.secondMoment(state['v']![i]!, change * change, beta2));
      return {
        state: { m, v },
        weights: weights.map((weight, i) => weight + (serverLearningRate * m[i]!) / (Math.sqrt(v[i]!) + tau)),
      };
    },
  });
}
