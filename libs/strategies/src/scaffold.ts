import { controlChange } from '@koinon/secure-tasks';
import { checkParameters, learningRate } from './parameters.js';
import { refuse, serverOptimizer } from './server-optimizer.js';
import type { Strategy } from './strategy.js';
import { evaluation, training } from './tasks.js';

const rules = { serverLearningRate: learningRate(1) };

/**
 * SCAFFOLD, the server's side: x ← x + η·Δ, c ← c + |S|/N · mean(Δc). A site adds c − c_i to every local gradient.
 * Both means are unweighted, and the second follows from the first: Δc = −c − Δ/(K·η_l). The state is the total
 * N·c = Σ c_i, so that c stays the mean over all sites when one is enrolled in the middle of a run, and c as it was told.
 * Karimireddy et al. 2020, algorithm 1, https://arxiv.org/abs/1910.06378
 */
export function scaffold(params: Readonly<Record<string, unknown>> = {}): Strategy {
  const checked = checkParameters(rules, params);
  return serverOptimizer({
    name: 'scaffold',
    params: checked,
    tasks: ({ told }) => [
      training({ weighting: 'uniform', controlVariate: true, control: told['control'] ?? null }),
      evaluation,
    ],
    initial: { controls: 0, told: 0 },
    move: (state, { weights, delta, fit: { sites, local }, population }) => {
      if (!(sites > 0 && sites <= population)) refuse('more sites answered than there are');
      const change = controlChange(delta, Float32Array.from(state['told']!), local);
      const controls = state['controls']!.map((total, i) => total + sites * change[i]!);
      const control = controls.map((total) => Math.fround(total / population));
      return {
        state: { controls, told: control },
        weights: weights.map((weight, i) => weight + checked.serverLearningRate * delta[i]!),
        tell: { control },
      };
    },
  });
}
