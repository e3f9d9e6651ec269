import { intOf } from '../attributes.js';
import { inputOf, outputOf, unary, type Rule } from '../rule.js';
import { positiveAxis, range } from '../shape.js';

/**
 * Standardisation x̂ = (x − mean)/σ over the trailing axes, to which `lowering.ts` reduces every normalisation; scale
 * and shift are a Mul and an Add of their own. dx = (dy − mean(dy) − x̂·mean(dy·x̂))/σ (Ioffe & Szegedy 2015,
 * arXiv:1502.03167, section 3).
 */
export const normalizationRules: Record<string, Rule> = {
  LayerNormalization: unary((scope, node, cotangent) => {
    const { graph } = scope;
    const [standard, inverseDeviation] = [outputOf(node, 0), outputOf(node, 2)];
    const rank = scope.shape(inputOf(node, 0)).length;
    const first = positiveAxis(intOf(node, 'axis', -1), rank);
    const axes = range(rank - first, first);
    const correlation = graph.mean(graph.op('Mul', [cotangent, standard]), axes, 1);
    const centred = graph.op('Sub', [
      graph.op('Sub', [cotangent, graph.mean(cotangent, axes, 1)]),
      graph.op('Mul', [standard, correlation]),
    ]);
    return graph.op('Mul', [centred, inverseDeviation]);
  }),
};
