import type { FitResult } from '@koinon/secure-tasks';
import { StrategyError } from './errors.js';
import type { RoundResults, StepResult, Strategy, StrategyParameters, StrategyState } from './strategy.js';
import { evaluation, training } from './tasks.js';

/** A step's input after checking. All vectors have the model's length. */
export interface Checked extends Pick<RoundResults, 'weights' | 'population'> {
  /** Mean of the sites' (trained − global) weights. */
  readonly delta: Float64Array;
  readonly fit: FitResult;
}

/** A strategy as its algorithm states it; the wrapping below checks what goes in. */
export interface ServerOptimizer {
  readonly name: string;
  readonly params: StrategyParameters;
  /** Plain training and evaluation by default. */
  readonly tasks?: Strategy['tasks'];
  /** First value of every vector of the state, by name. */
  readonly initial: Readonly<Record<string, number>>;
  /** One round on vectors of checked, equal length. */
  move(state: StrategyState, round: Checked): StepResult;
}

const trainAndEvaluate = [training(), evaluation];

export function serverOptimizer({
  name,
  params,
  tasks = () => trainAndEvaluate,
  initial,
  move,
}: ServerOptimizer): Strategy {
  const names = Object.keys(initial);
  return {
    name,
    params,
    tasks,
    init: (weights) =>
      Object.fromEntries(names.map((key) => [key, new Float64Array(weights.length).fill(initial[key]!)])),
    step: (state, round) => {
      const checked = checkRound(round);
      checkState(state, names, round.weights.length);
      return move(state, checked);
    },
  };
}

function checkRound({ weights, results, population }: RoundResults): Checked {
  if (!isVector(weights, weights.length)) refuse('a weight is not finite; go back to an earlier version');
  const { fit } = results;
  if (!fit || !isVector(fit.delta, weights.length))
    refuse('delta must be finite and as long as the weights; discard the round');
  return { weights, delta: fit.delta, fit, population };
}

export function refuse(message: string): never {
  throw new StrategyError('STRATEGY_AGGREGATE_INVALID', message);
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
