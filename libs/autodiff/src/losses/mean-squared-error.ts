import { AutodiffError } from '../errors.js';
import { sizeOf } from '../shape.js';
import { recordMeans, type Loss } from './loss.js';

/** (z − y)², averaged over the outputs of a record. Predictions and labels float32 of one shape. */
export const meanSquaredError: Loss = (graph, { logits, labels, shape }, options) => {
  if (options.classWeights !== undefined || options.labelSmoothing !== undefined) {
    throw new AutodiffError(
      'AUTODIFF_OPTIONS',
      'classWeights and labelSmoothing belong to the cross-entropies, mse has no classes.',
    );
  }
  const difference = graph.op('Sub', [logits, labels]);
  return {
    each: recordMeans(graph, graph.op('Mul', [difference, difference]), shape),
    slope: graph.op('Mul', [difference, graph.float(2 / sizeOf(shape.slice(1)))]),
  };
};
