import { checkParameters, learningRate } from './parameters.js';
import { serverOptimizer } from './server-optimizer.js';
import type { Strategy } from './strategy.js';

const rules = { serverLearningRate: learningRate(1) };

/**
 * SCAFFOLD, the server's side: x ← x + η·Δ, c ← c + |S|/N · mean(Δc). A site adds c − c_i to every local gradient.
 * Δ must be the unweighted mean of the cohort, as in the paper. The control variates are a second release of the
 * records: under differential privacy, charge them too.
 * Karimireddy et al. 2020, algorithm 1, https://arxiv.org/abs/1910.06378
 */
export function scaffold(params: Readonly<Record<string, unknown>> = {}): Strategy {
  const checked = checkParameters(rules, params);
  return serverOptimizer({
    name: 'scaffold',
    params: checked,
    config: { controlVariate: true },
    initial: { control: 0 },
    move: (state, { weights, delta, control }) => ({
      state: { control: state['control']!.map((value, i) => value + control!.participation * control!.delta[i]!) },
      weights: weights.map((weight, i) => weight + checked.serverLearningRate * delta[i]!),
    }),
  });
}

export interface LocalRun {
  /** Global weights before and the site's weights after local training. */
  readonly before: Float64Array;
  readonly after: Float64Array;
  readonly steps: number;
  readonly learningRate: number;
}

/** A site's next control variate, c_i − c + (x − y)/(K·η_l): option II of the same algorithm. */
export function nextSiteControl(
  site: Float64Array,
  global: Float64Array,
  { before, after, steps, learningRate: rate }: LocalRun,
): Float64Array {
  return site.map((value, i) => value - global[i]! + (before[i]! - after[i]!) / (steps * rate));
}
