import { dataTypeCode, type Node } from '@koinon/onnx';
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

/** The extremum repeated over what it was taken from; the gradient goes to its elements in equal parts. */
function spreadToExtrema(scope: Scope, node: Node, cotangent: string): string {
  const { graph } = scope;
  const x = inputOf(node, 0);
  const attained = graph.op('Cast', [graph.op('Equal', [x, spread(scope, node, outputOf(node))])], {
    to: dataTypeCode('float32'),
  });
  const count = graph.sum(attained, reducedAxes(scope, node), intOf(node, 'keepdims', 1) as 0 | 1);
  return graph.op('Mul', [attained, spread(scope, node, graph.op('Div', [cotangent, count]))]);
}

/** A reduction's gradient is spread over what was reduced. */
export const reductionRules: Record<string, Rule> = {
  ReduceSum: unary(spread),
  ReduceMax: unary(spreadToExtrema),
  ReduceMin: unary(spreadToExtrema),
  ReduceSumSquare: unary((scope, node, cotangent) => {
    const { graph } = scope;
    return graph.op('Mul', [spread(scope, node, graph.op('Mul', [cotangent, graph.float(2)])), inputOf(node, 0)]);
  }),
  // x/‖x‖, and 0 where the norm is 0: the bound is the least normal float32
  ReduceL2: unary((scope, node, cotangent) => {
    const { graph } = scope;
    const norm = graph.op('Max', [outputOf(node), graph.float(1.2e-38)]);
    return graph.op('Mul', [spread(scope, node, graph.op('Div', [cotangent, norm])), inputOf(node, 0)]);
  }),
  ReduceMean: unary((scope, node, cotangent) => {
    const ratio = sizeOf(scope.shape(outputOf(node))) / sizeOf(scope.shape(inputOf(node, 0)));
    return spread(scope, node, scope.graph.op('Mul', [cotangent, scope.graph.float(ratio)]));
  }),
};
