import { fedAvg } from './fed-avg.js';
import { checkParameters, learningRate } from './parameters.js';
import type { Strategy } from './strategy.js';

const rules = { serverLearningRate: learningRate(1), proximalMu: { default: 0.01, min: 0, max: 1000 } };

/**
 * FedProx: sites add μ/2·‖w − w_global‖² to their loss, so that they drift less on uneven data; the server averages.
 * Li et al. 2020, https://arxiv.org/abs/1812.06127
 */
export function fedProx(params: Readonly<Record<string, unknown>> = {}): Strategy {
  const checked = checkParameters(rules, params);
  const average = fedAvg({ serverLearningRate: checked.serverLearningRate });
  const fit = { ...average.fit, proximalMu: checked.proximalMu };
  return {
    ...average,
    name: 'fedprox',
    params: checked,
    fit,
    configureFit: (sites, limits, random) => ({ ...average.configureFit(sites, limits, random), config: fit }),
  };
}
