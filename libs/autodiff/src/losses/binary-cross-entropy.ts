import { sizeOf } from '../shape.js';
import { recordMeans, smoothingOf, weightsOf, type Loss } from './loss.js';

/**
 * w₁·y·softplus(−z) + w₀·(1 − y)·softplus(z), averaged over the outputs of a record; y smoothed to y·(1 − ε) + ε/2.
 * Logits and labels float32 of one shape. With a = w₁·y and ω = a + w₀·(1 − y) it is ω·softplus(z) − a·z, which never
 * overflows.
 */
export const binaryCrossEntropy: Loss = (graph, { logits, labels, shape }, options) => {
  const smoothing = smoothingOf(options);
  const weights = weightsOf(options, 2);
  const outputs = sizeOf(shape.slice(1));
  const label =
    smoothing === 0
      ? labels
      : graph.op('Add', [graph.op('Mul', [labels, graph.float(1 - smoothing)]), graph.float(smoothing / 2)]);
  const [negative, positive] = weights ?? [1, 1];
  const attraction = weights ? graph.op('Mul', [label, graph.float(positive!)]) : label;
  const omega = weights
    ? graph.op('Add', [attraction, graph.op('Mul', [graph.op('Sub', [graph.float(1), label]), graph.float(negative!)])])
    : undefined;
  const scaled = (value: string) => (omega === undefined ? value : graph.op('Mul', [omega, value]));

  const loss = graph.op('Sub', [scaled(graph.op('Softplus', [logits])), graph.op('Mul', [attraction, logits])]);
  const slope = graph.op('Sub', [scaled(graph.op('Sigmoid', [logits])), attraction]);
  return {
    each: recordMeans(graph, loss, shape),
    slope: outputs === 1 ? slope : graph.op('Mul', [slope, graph.float(1 / outputs)]),
  };
};
