import { checkParameters, learningRate } from './parameters.js';
import { isVector, refuse, serverOptimizer, type Checked } from './server-optimizer.js';
import type { Strategy } from './strategy.js';
import { evaluation, training } from './tasks.js';

const rules = { serverLearningRate: learningRate(1) };

/**
 * SCAFFOLD, the server's side: x ← x + η·Δ, c ← c + |S|/N · mean(Δc). A site adds c − c_i to every local gradient.
 * Both means are unweighted. The state is the total N·c = Σ c_i, so that c stays the mean over all sites when one is
 * enrolled in the middle of a run.
 * Karimireddy et al. 2020, algorithm 1, https://arxiv.org/abs/1910.06378
 */
export function scaffold(params: Readonly<Record<string, unknown>> = {}): Strategy {
  const checked = checkParameters(rules, params);
  return serverOptimizer({
    name: 'scaffold',
    params: checked,
    tasks: ({ told }) => [
      training({ weighting: 'uniform', controlVariate: true, control: told['control'] ?? null }),
      { task: 'control', on: 'base', ask: {} },
      evaluation,
    ],
    initial: { controls: 0 },
    move: (state, { weights, delta, results, population }) => {
      const change = checkControl(results.control, weights.length, population);
      const controls = state['controls']!.map((total, i) => total + change.sites * change.delta[i]!);
      return {
        state: { controls },
        weights: weights.map((weight, i) => weight + checked.serverLearningRate * delta[i]!),
        tell: { control: controls.map((total) => total / population) },
      };
    },
  });
}

function checkControl(control: Checked['results']['control'], length: number, population: number) {
  if (!control || !isVector(control.delta, length))
    refuse('this strategy also needs the change of the control variates');
  if (!(control.sites > 0 && control.sites <= population)) refuse('more sites answered than there are');
  return control;
}
