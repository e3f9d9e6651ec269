import { StrategyError } from './errors.js';
import { fedAdagrad } from './fed-adagrad.js';
import { fedAdam } from './fed-adam.js';
import { fedAvg } from './fed-avg.js';
import { fedAvgM } from './fed-avg-m.js';
import { fedProx } from './fed-prox.js';
import { fedYogi } from './fed-yogi.js';
import { scaffold } from './scaffold.js';
import type { Strategy } from './strategy.js';

const strategies = {
  fedavg: fedAvg,
  fedavgm: fedAvgM,
  fedadam: fedAdam,
  fedyogi: fedYogi,
  fedadagrad: fedAdagrad,
  fedprox: fedProx,
  scaffold,
} as const;

export type StrategyName = keyof typeof strategies;

export const strategyNames = Object.keys(strategies) as StrategyName[];

/**
 * The strategy a federation's file names, with its parameters checked and defaults filled in.
 * @throws StrategyError STRATEGY_UNKNOWN, STRATEGY_PARAMETER_INVALID
 */
export function strategyByName(name: string, params: Readonly<Record<string, unknown>> = {}): Strategy {
  if (!Object.hasOwn(strategies, name)) {
    throw new StrategyError('STRATEGY_UNKNOWN', `unknown strategy; choose one of ${strategyNames.join(', ')}`);
  }
  return strategies[name as StrategyName](params);
}
