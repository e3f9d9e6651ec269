import type { Node } from '@koinon/onnx';
import { intOf } from '../attributes.js';
import { integerOperand } from '../operands.js';
import { inputOf, outputOf, unary, type Rule, type Scope } from '../rule.js';
import { positiveAxis, range, sizeOf } from '../shape.js';

/** Axes a Reduce operator sums over; `undefined` axes mean all of them, or none with noop_with_empty_axes. */
export function reducedAxes(scope: Pick<Scope, 'constant' | 'shape'>, node: Node): number[] {
  const rank = scope.shape(inputOf(node, 0)).length;
  const axes = integerOperand(scope, node, 1) ?? [];
  if (axes.length > 0) return axes.map((axis) => positiveAxis(axis, rank));
  return intOf(node, 'noop_with_empty_axes', 0) === 1 ? [] : range(rank);
}

function spread(scope: Scope, node: Node, cotangent: string): string {
  const { graph } = scope;
  const shape = scope.shape(inputOf(node, 0));
  const axes = reducedAxes(scope, node);
  const kept = shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  const aligned = intOf(node, 'keepdims', 1) === 1 ? cotangent : graph.reshape(cotangent, kept);
  return graph.op('Expand', [aligned, graph.ints(shape)]);
}

/** A reduction's gradient is spread evenly over what was summed. */
export const reductionRules: Record<string, Rule> = {
  ReduceSum: unary(spread),
  ReduceMean: unary((scope, node, cotangent) => {
    const ratio = sizeOf(scope.shape(outputOf(node))) / sizeOf(scope.shape(inputOf(node, 0)));
    return spread(scope, node, scope.graph.op('Mul', [cotangent, scope.graph.float(ratio)]));
  }),
};
