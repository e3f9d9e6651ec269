export { selectCohort, type CohortLimits } from './cohort.js';
export { StrategyError, type StrategyErrorCode } from './errors.js';
export { decodeState, encodeState } from './state-bytes.js';
export { strategyByName, strategyNames, type StrategyName } from './strategy-by-name.js';
export type { RoundPlan, RoundResults, StepResult, Strategy, StrategyParameters, StrategyState } from './strategy.js';
