import type { CohortLimits } from './cohort.js';

/** What a strategy remembers between rounds: named vectors, one value per parameter of the model. */
export type StrategyState = Readonly<Record<string, Float64Array>>;

/** What a site must do besides plain local training. */
export interface FitConfig {
  /** μ of the proximal term μ/2·‖w − w_global‖² in the local loss; 0 for none. */
  readonly proximalMu: number;
  /** Whether the site corrects its gradients by control variates and reports how its own changed. */
  readonly controlVariate: boolean;
}

/** A strategy's parameters after checking, defaults filled in. */
export type StrategyParameters = Readonly<Record<string, number | boolean>>;

export interface FitPlan<Site> {
  readonly cohort: readonly Site[];
  readonly config: FitConfig;
}

/** What is known of a round once its secure sum has been opened. All vectors have the model's length. */
export interface Aggregate {
  /** Global weights that the cohort trained from. */
  readonly weights: Float64Array;
  /** Weighted mean of the sites' (trained − global) weights. */
  readonly delta: Float64Array;
  /** 1 in the first round. */
  readonly round: number;
  /** Records behind the mean, of all sites together. */
  readonly examples: number;
  /** Only for strategies whose `FitConfig.controlVariate` is set. */
  readonly control?: ControlAggregate;
}

export interface ControlAggregate {
  /** Unweighted mean of the changes of the cohort's control variates. */
  readonly delta: Float64Array;
  /** Cohort size over the number of all sites, in (0, 1]. */
  readonly participation: number;
}

export interface StepResult {
  readonly state: StrategyState;
  readonly weights: Float64Array;
}

/**
 * How rounds are planned and how the global model moves. After Flower's `Strategy`, reduced to pure functions of
 * aggregates: no method sees a single site's update, keeps anything between calls, or changes its arguments.
 */
export interface Strategy {
  readonly name: string;
  /** What this strategy runs with. */
  readonly params: StrategyParameters;
  /** What it asks of every site of a cohort. */
  readonly fit: FitConfig;
  /** Who trains in this round, and how: `config` is `fit`. `random` is uniform on [0, 1). @throws StrategyError STRATEGY_TOO_FEW_SITES */
  configureFit<Site>(sites: readonly Site[], limits: CohortLimits, random: () => number): FitPlan<Site>;
  /** The state before the first round. */
  init(weights: Float64Array): StrategyState;
  /** The next global weights. @throws StrategyError STRATEGY_AGGREGATE_INVALID, STRATEGY_STATE_INVALID */
  step(state: StrategyState, aggregate: Aggregate): StepResult;
}
