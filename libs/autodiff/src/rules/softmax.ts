import type { Node } from '@koinon/onnx';
import { intOf } from '../attributes.js';
import { outputOf, unary, type Rule, type Scope } from '../rule.js';
import { positiveAxis } from '../shape.js';

function axisOf(scope: Scope, node: Node): number {
  return positiveAxis(intOf(node, 'axis', -1), scope.shape(outputOf(node)).length);
}

/** Softmax y: y·(dy − Σ dy·y). LogSoftmax y: dy − eʸ·Σ dy. */
export const softmaxRules: Record<string, Rule> = {
  Softmax: unary((scope, node, cotangent) => {
    const { graph } = scope;
    const weighted = graph.op('Mul', [cotangent, outputOf(node)]);
    const total = graph.sum(weighted, [axisOf(scope, node)], 1);
    return graph.op('Sub', [weighted, graph.op('Mul', [outputOf(node), total])]);
  }),
  LogSoftmax: unary((scope, node, cotangent) => {
    const { graph } = scope;
    const total = graph.sum(cotangent, [axisOf(scope, node)], 1);
    return graph.op('Sub', [cotangent, graph.op('Mul', [graph.op('Exp', [outputOf(node)]), total])]);
  }),
};
