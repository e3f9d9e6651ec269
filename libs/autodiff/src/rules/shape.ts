import { dataTypeCode, type Node } from '@koinon/onnx';
import { intsOf, intOf } from '../attributes.js';
import { sumTo, sumToRows } from '../broadcast.js';
import { integerOperand } from '../operands.js';
import { inputOf, outputOf, unary, type RecordScope, type Rule, type Scope } from '../rule.js';
import { extentOf, positiveAxis, range, sizeOf } from '../shape.js';

const backToInputShape = unary((scope, node, cotangent) =>
  scope.graph.reshape(cotangent, scope.shape(inputOf(node, 0))),
);

/** Axes in the order that undoes the node's permutation. */
export function inversePermutation(node: Node, rank: number): number[] {
  const order = intsOf(node, 'perm', range(rank).reverse());
  return range(rank).map((axis) => order.indexOf(axis));
}

const expand: Rule = {
  pullback: unary((scope, node, cotangent) =>
    sumTo(scope.graph, cotangent, scope.shape(outputOf(node)), scope.shape(inputOf(node, 0))),
  ).pullback,
  // a value repeated for every record: its copy in record i carries record i's gradient
  recordGradient: (scope, node, [cotangent]) => ({
    rows: () => sumToRows(scope, cotangent!, scope.shape(outputOf(node)), scope.shape(inputOf(node, 0))),
  }),
};

function extentsAlong(scope: Scope, names: readonly string[], axis: number): number[] {
  return names.map((name) => extentOf(scope.shape(name), axis));
}

const concat: Rule = {
  pullback(scope, node, [cotangent]) {
    if (cotangent === undefined) return [];
    const { graph } = scope;
    const axis = positiveAxis(intOf(node, 'axis', 0), scope.shape(outputOf(node)).length);
    let start = 0;
    return extentsAlong(scope, node.inputs, axis).map((extent, input) => {
      const begin = start;
      start += extent;
      if (!scope.needs(inputOf(node, input))) return undefined;
      return graph.op('Slice', [cotangent, graph.ints([begin]), graph.ints([start]), graph.ints([axis])]);
    });
  },
};

const split: Rule = {
  pullback(scope, node, cotangents) {
    if (!scope.needs(inputOf(node, 0)) || cotangents.every((cotangent) => cotangent === undefined)) return [];
    const { graph } = scope;
    const axis = positiveAxis(intOf(node, 'axis', 0), scope.shape(inputOf(node, 0)).length);
    const parts = node.outputs.map((name, index) => cotangents[index] ?? graph.zeros(scope.shape(name)));
    return [graph.op('Concat', parts, { axis })];
  },
};

const dropout: Rule = unary((scope, node, cotangent) => {
  const { graph } = scope;
  const training = inputOf(node, 2) !== '' && integerOperand(scope, node, 2)?.[0] === 1;
  if (!training) return cotangent;
  // y = x · mask / (1 − ratio)
  const ratio = inputOf(node, 1) === '' ? graph.float(0.5) : inputOf(node, 1);
  const kept = graph.op('Cast', [outputOf(node, 1)], { to: dataTypeCode('float32') });
  return graph.op('Mul', [cotangent, graph.op('Div', [kept, graph.op('Sub', [graph.float(1), ratio])])]);
});

/** Operators that move values without changing them. */
export const shapeRules: Record<string, Rule> = {
  Identity: unary((_scope, _node, cotangent) => cotangent),
  Reshape: backToInputShape,
  Flatten: backToInputShape,
  Squeeze: backToInputShape,
  Unsqueeze: backToInputShape,
  Transpose: unary((scope, node, cotangent) =>
    scope.graph.op('Transpose', [cotangent], { perm: inversePermutation(node, scope.shape(inputOf(node, 0)).length) }),
  ),
  Expand: expand,
  Concat: concat,
  Split: split,
  Cast: unary((scope, node, cotangent) =>
    scope.graph.op('Cast', [cotangent], { to: dataTypeCode(scope.type(inputOf(node, 0))) }),
  ),
  Dropout: dropout,
};

/** Takes per-record rows [records, size] of a rearranging node's output back to rows of its input. */
export function rearrangeRows(scope: RecordScope, node: Node, rows: string): string {
  // all others keep the row-major order of the elements
  if (node.op !== 'Transpose') return rows;
  const shape = scope.shape(outputOf(node));
  const inverse = inversePermutation(node, shape.length).map((axis) => axis + 1);
  const block = scope.graph.reshape(rows, [scope.records, ...shape]);
  return scope.graph.reshape(scope.graph.op('Transpose', [block], { perm: [0, ...inverse] }), [
    scope.records,
    sizeOf(shape),
  ]);
}
