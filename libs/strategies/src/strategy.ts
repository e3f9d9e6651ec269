import type { TaskRequest, TaskResults } from '@koinon/secure-tasks';

/** What a strategy remembers between rounds: named vectors, one value per parameter of the model. */
export type StrategyState = Readonly<Record<string, Float64Array>>;

/** A strategy's parameters after checking, defaults filled in. */
export type StrategyParameters = Readonly<Record<string, number | boolean>>;

/** What is known of a round before it begins. */
export interface RoundPlan {
  /** By name, the SHA-256 of each vector that the last step had the sites told; empty in a run's first round. */
  readonly told: Readonly<Record<string, string>>;
}

/** What is known of a round once the sums over its base model have been opened. */
export interface RoundResults {
  /** Global weights that the cohort trained from. */
  readonly weights: Float64Array;
  /** Of the tasks that were asked. */
  readonly results: Partial<TaskResults>;
  /** Sites that could have been drawn. */
  readonly population: number;
}

export interface StepResult {
  readonly state: StrategyState;
  readonly weights: Float64Array;
  /** Vectors that the sites are told with the next round's tasks, by name. */
  readonly tell?: Readonly<Record<string, Float64Array>>;
}

/**
 * What is summed in a round and how the global model moves. After Flower's `Strategy`, reduced to pure functions of
 * aggregates: no method sees a single site's update, keeps anything between calls, or changes its arguments.
 */
export interface Strategy {
  readonly name: string;
  /** What this strategy runs with. */
  readonly params: StrategyParameters;
  /** The sums of a round, each kind at most once: first those over the base model, then those over the next one; some of each. */
  tasks(round: RoundPlan): readonly TaskRequest[];
  /** The state before the first round. */
  init(weights: Float64Array): StrategyState;
  /** The next global weights. @throws StrategyError STRATEGY_AGGREGATE_INVALID, STRATEGY_STATE_INVALID */
  step(state: StrategyState, round: RoundResults): StepResult;
}
