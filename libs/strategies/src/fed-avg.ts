import { checkParameters, learningRate } from './parameters.js';
import { serverOptimizer } from './server-optimizer.js';
import type { Strategy } from './strategy.js';

const rules = { serverLearningRate: learningRate(1) };

/**
 * Federated averaging: x ← x + η·Δ. With η = 1 the new weights are the mean of the sites' weights.
 * McMahan et al. 2017, https://arxiv.org/abs/1602.05629
 */
export function fedAvg(params: Readonly<Record<string, unknown>> = {}): Strategy {
  const checked = checkParameters(rules, params);
  return serverOptimizer({
    name: 'fedavg',
    params: checked,
    initial: {},
    move: (state, { weights, delta }) => ({
      state,
      weights: weights.map((weight, i) => weight + checked.serverLearningRate * delta[i]!),
    }),
  });
}
