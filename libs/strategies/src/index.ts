export type { CohortLimits } from './cohort.js';
export { StrategyError, type StrategyErrorCode } from './errors.js';
export type { LocalRun } from './scaffold.js';
export { decodeState, encodeState } from './state-bytes.js';
export { strategyByName, strategyNames, type StrategyName } from './strategy-by-name.js';
export type {
  Aggregate,
  ControlAggregate,
  FitConfig,
  FitPlan,
  StepResult,
  Strategy,
  StrategyParameters,
  StrategyState,
} from './strategy.js';
