import { fedAvg } from './fed-avg.js';
import { checkParameters, learningRate } from './parameters.js';
import type { Strategy } from './strategy.js';
import { evaluation, training } from './tasks.js';

const rules = { serverLearningRate: learningRate(1), proximalMu: { default: 0.01, min: 0, max: 1000 } };

/**
 * FedProx: sites add μ/2·‖w − w_global‖² to their loss, so that they drift less on uneven data; the server averages.
 * Li et al. 2020, https://arxiv.org/abs/1812.06127
 */
export function fedProx(params: Readonly<Record<string, unknown>> = {}): Strategy {
  const { serverLearningRate, proximalMu } = checkParameters(rules, params);
  const tasks = [training({ proximalMu }), evaluation];
  return {
    ...fedAvg({ serverLearningRate }),
    name: 'fedprox',
    params: { serverLearningRate, proximalMu },
    tasks: () => tasks,
  };
}
