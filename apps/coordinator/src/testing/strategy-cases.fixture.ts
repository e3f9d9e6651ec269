/** Every strategy in plain arithmetic, for a check that shares nothing with how it is built. */
import type { Federation } from '@koinon/contracts';
import type { StrategyName } from '@koinon/strategies';

/** What a round makes of the mean Δ of the sites' updates, coordinate by coordinate and as each paper writes it. */
export interface StrategyCase {
  readonly params: Federation['strategy']['params'];
  /** Defaults that the lineage must state beside `params`. */
  readonly defaults?: Federation['strategy']['params'];
  /** What is remembered before the first round. */
  readonly before?: readonly number[];
  readonly step: (delta: number, memory: readonly number[]) => { move: number; memory: readonly number[] };
  readonly asked?: object;
}

/** Reddi et al. 2021, algorithm 2: memory is [m, v], m₀ = 0 and v₀ = τ². */
const adaptive =
  (rate: number, beta1: number, tau: number, second: (v: number, square: number) => number): StrategyCase['step'] =>
  (delta, [m0, v0]) => {
    const [m, v] = [beta1 * m0! + (1 - beta1) * delta, second(v0!, delta * delta)];
    return { move: (rate * m) / (Math.sqrt(v) + tau), memory: [m, v] };
  };
export const average: StrategyCase['step'] = (delta, memory) => ({ move: delta, memory });
const TAU = 0.05;

export const strategyCases: Readonly<Record<StrategyName, StrategyCase>> = {
  fedavg: { params: { serverLearningRate: 0.5 }, step: (delta, memory) => ({ move: 0.5 * delta, memory }) },
  fedavgm: {
    params: { nesterov: true },
    defaults: { serverLearningRate: 1, momentum: 0.9 },
    before: [0],
    step: (delta, [v]) => ({ move: delta + 0.9 * (0.9 * v! + delta), memory: [0.9 * v! + delta] }),
  },
  fedadam: {
    params: { tau: TAU, beta2: 0.9 },
    defaults: { serverLearningRate: 0.1, beta1: 0.9 },
    before: [0, TAU ** 2],
    step: adaptive(0.1, 0.9, TAU, (v, square) => 0.9 * v + 0.1 * square),
  },
  fedyogi: {
    params: { tau: TAU, serverLearningRate: 0.1 },
    defaults: { beta1: 0.9, beta2: 0.99 },
    before: [0, TAU ** 2],
    step: adaptive(0.1, 0.9, TAU, (v, square) => v - 0.01 * square * Math.sign(v - square)),
  },
  fedadagrad: {
    params: { tau: TAU, serverLearningRate: 0.3 },
    defaults: { beta1: 0 },
    before: [0, TAU ** 2],
    step: adaptive(0.3, 0, TAU, (v, square) => v + square),
  },
  fedprox: {
    params: { proximalMu: 500 },
    defaults: { serverLearningRate: 1 },
    step: average,
    asked: { proximalMu: 500 },
  },
  scaffold: { params: {}, defaults: { serverLearningRate: 1 }, step: average, asked: { weighting: 'uniform' } },
};
