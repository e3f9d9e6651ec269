import { AutodiffError } from '../errors.js';
import { sizeOf } from '../shape.js';
import type { Loss } from './loss.js';

/** (z − y)², averaged over the outputs of a record. Predictions and labels float32 of one shape. */
export const meanSquaredError: Loss = (graph, { logits, labels, shape, weight }, options) => {
  if (options.classWeights !== undefined || options.labelSmoothing !== undefined) {
    throw new AutodiffError('AUTODIFF_OPTIONS', 'classWeights and labelSmoothing belong to the cross-entropies, mse has no classes.');
  }
  const outputs = sizeOf(shape.slice(1));
  const share = outputs === 1 ? weight : graph.op('Mul', [weight, graph.float(1 / outputs)]);
  const difference = graph.op('Sub', [logits, labels]);
  const weighted = graph.op('Mul', [difference, share]);
  return {
    total: graph.op('ReduceSum', [graph.op('Mul', [difference, weighted])], { keepdims: 0 }),
    seed: graph.op('Add', [weighted, weighted]),
  };
};
