import { AutodiffError } from '../errors.js';
import { smoothingOf, weightsOf, type Loss } from './loss.js';

/**
 * −Σₖ wₖ·tₖ·log softmax(z)ₖ per record, t the one-hot label smoothed to (1 − ε)·t + ε/K (Szegedy et al. 2016,
 * arXiv:1512.00567, section 7). Logits [records, K], labels int64 [records].
 */
export const crossEntropy: Loss = (graph, { logits, labels, shape }, options) => {
  const [records, classes] = shape;
  if (records === undefined || classes === undefined || shape.length !== 2) {
    throw new AutodiffError(
      'AUTODIFF_OPTIONS',
      `cross-entropy needs logits of shape [records, classes], the output has rank ${shape.length}.`,
    );
  }
  const smoothing = smoothingOf(options);
  const weights = weightsOf(options, classes);
  const spread = smoothing / classes;
  const target = graph.op(
    'OneHot',
    [labels, graph.ints([classes]), graph.floats([spread, 1 - smoothing + spread], [2])],
    { axis: -1 },
  );
  const weighted = weights ? graph.op('Mul', [target, graph.floats(weights, [classes])]) : target;
  const logarithm = graph.op('LogSoftmax', [logits], { axis: 1 });
  // Σₖ wₖ·tₖ is 1 without class weights, whatever the smoothing
  const probability = graph.op('Exp', [logarithm]);
  const scaled = weights ? graph.op('Mul', [probability, graph.sum(weighted, [1], 1)]) : probability;
  const likelihood = graph.sum(graph.op('Mul', [weighted, logarithm]), [1]);
  return { each: graph.op('Neg', [likelihood]), slope: graph.op('Sub', [scaled, weighted]) };
};
