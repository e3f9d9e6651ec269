import { selectCohort } from './cohort.js';
import { StrategyError } from './errors.js';
import type { Aggregate, FitConfig, StepResult, Strategy, StrategyParameters, StrategyState } from './strategy.js';

/** A strategy as its algorithm states it; the wrapping below checks what goes in. */
export interface ServerOptimizer {
  readonly name: string;
  readonly params: StrategyParameters;
  /** What a site does besides plain training; nothing by default. */
  readonly config?: Partial<FitConfig>;
  /** First value of every vector of the state, by name. */
  readonly initial: Readonly<Record<string, number>>;
  /** One round on vectors of checked, equal length. */
  move(state: StrategyState, aggregate: Aggregate): StepResult;
}

const plainTraining: FitConfig = { proximalMu: 0, controlVariate: false };

export function serverOptimizer({ name, params, config, initial, move }: ServerOptimizer): Strategy {
  const fit = { ...plainTraining, ...config };
  const names = Object.keys(initial);
  return {
    name,
    params,
    fit,
    configureFit: (sites, limits, random) => ({ cohort: selectCohort(sites, limits, random), config: fit }),
    init: (weights) =>
      Object.fromEntries(names.map((key) => [key, new Float64Array(weights.length).fill(initial[key]!)])),
    step: (state, aggregate) => {
      checkAggregate(aggregate, fit.controlVariate);
      checkState(state, names, aggregate.weights.length);
      return move(state, aggregate);
    },
  };
}

function checkAggregate({ weights, delta, round, examples, control }: Aggregate, needsControl: boolean): void {
  const fail = (message: string) => {
    throw new StrategyError('STRATEGY_AGGREGATE_INVALID', message);
  };
  if (!isVector(weights, weights.length)) fail('a weight is not finite; go back to an earlier version');
  if (!isVector(delta, weights.length)) fail('delta must be finite and as long as the weights; discard the round');
  if (!Number.isSafeInteger(round) || round < 1) fail('round must be a whole number ≥ 1');
  if (!(examples > 0)) fail('no records are behind this mean; discard the round');
  if (!needsControl) return;
  if (control === undefined) return fail('this strategy also needs the change of the control variates');
  if (!isVector(control.delta, weights.length)) fail('control.delta must be finite and as long as the weights');
  if (!(control.participation > 0 && control.participation <= 1)) fail('participation must lie in (0, 1]');
}

function checkState(state: StrategyState, names: readonly string[], length: number): void {
  const fits =
    Object.keys(state).length === names.length &&
    names.every((name) => state[name] !== undefined && isVector(state[name], length));
  if (!fits) {
    throw new StrategyError(
      'STRATEGY_STATE_INVALID',
      'the stored state belongs to another strategy or model; start a new run with init',
    );
  }
}

function isVector(vector: Float64Array, length: number): boolean {
  return vector.length === length && vector.every((value) => Number.isFinite(value));
}
