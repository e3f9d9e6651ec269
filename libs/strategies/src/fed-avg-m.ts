import { checkParameters, decay, learningRate } from './parameters.js';
import { serverOptimizer } from './server-optimizer.js';
import type { Strategy } from './strategy.js';

const rules = { serverLearningRate: learningRate(1), momentum: decay(0.9), nesterov: false };

/**
 * Federated averaging with server momentum: v ← μ·v + Δ, x ← x + η·v, or with Nesterov's x ← x + η·(Δ + μ·v).
 * Hsu, Qi, Brown 2019, https://arxiv.org/abs/1909.06335
 */
export function fedAvgM(params: Readonly<Record<string, unknown>> = {}): Strategy {
  const checked = checkParameters(rules, params);
  const { serverLearningRate, momentum, nesterov } = checked;
  return serverOptimizer({
    name: 'fedavgm',
    params: checked,
    initial: { velocity: 0 },
    move: (state, { weights, delta }) => {
      const velocity = delta.map((change, i) => momentum * state['velocity']![i]! + change);
      const direction = nesterov ? delta.map((change, i) => change + momentum * velocity[i]!) : velocity;
      return {
        state: { velocity },
        weights: weights.map((weight, i) => weight + serverLearningRate * direction[i]!),
      };
    },
  });
}
