import { attr, dataTypeCode, type GraphBuilder } from '@koinon/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { differenceFromTensorFlow, type OperatorCase } from '../../test/operator-case.js';

// squared afterwards, so that the gradient depends on where each element went
const one = (
  name: string,
  dims: number[],
  build: (graph: GraphBuilder, x: string) => string,
  reference: (x: tf.Tensor) => tf.Tensor,
): OperatorCase => ({
  name,
  operands: [{ dims }],
  build: (graph, x) => {
    const moved = build(graph, x);
    return graph.op('Mul', [moved, moved]);
  },
  reference: (x) => tf.square(reference(x)),
});

const cases: OperatorCase[] = [
  one(
    'Identity',
    [2, 3],
    (graph, x) => graph.op('Identity', [x]),
    (x) => x,
  ),
  one(
    'Reshape',
    [2, 6],
    (graph, x) => graph.op('Reshape', [x, graph.ints(3, -1)]),
    (x) => tf.reshape(x, [3, 4]),
  ),
  one(
    'Flatten',
    [2, 3, 4],
    (graph, x) => graph.op('Flatten', [x], { axis: attr.int(2) }),
    (x) => tf.reshape(x, [6, 4]),
  ),
  one(
    'Squeeze',
    [2, 1, 3, 1],
    (graph, x) => graph.op('Squeeze', [x, graph.ints(1, -1)]),
    (x) => tf.reshape(x, [2, 3]),
  ),
  one(
    'Squeeze without axes',
    [2, 1, 3, 1],
    (graph, x) => graph.op('Squeeze', [x]),
    (x) => tf.reshape(x, [2, 3]),
  ),
  one(
    'Unsqueeze',
    [2, 3],
    (graph, x) => graph.op('Unsqueeze', [x, graph.ints(0, 3)]),
    (x) => tf.reshape(x, [1, 2, 3, 1]),
  ),
  one(
    'Transpose',
    [2, 3, 4],
    (graph, x) => graph.op('Transpose', [x], { perm: attr.ints([2, 0, 1]) }),
    (x) => tf.transpose(x, [2, 0, 1]),
  ),
  one(
    'Transpose without perm',
    [2, 3, 4],
    (graph, x) => graph.op('Transpose', [x]),
    (x) => tf.transpose(x),
  ),
  one(
    'Expand by new axes',
    [3, 1],
    (graph, x) => graph.op('Expand', [x, graph.ints(2, 3, 4)]),
    (x) => tf.tile(tf.reshape(x, [1, 3, 1]), [2, 1, 4]),
  ),
  one(
    'Cast there and back',
    [2, 3],
    (graph, x) => {
      const wide = graph.op('Cast', [x], { to: attr.int(dataTypeCode('float64')) });
      return graph.op('Cast', [wide], { to: attr.int(dataTypeCode('float32')) });
    },
    (x) => x,
  ),
  one(
    'Dropout in inference',
    [2, 3],
    (graph, x) => graph.op('Dropout', [x]),
    (x) => x,
  ),
  one(
    'Split in equal parts, one of them unused',
    [6, 2],
    (graph, x) => {
      const [first, , last] = graph.op('Split', [x], { axis: attr.int(0), num_outputs: attr.int(3) }, 3);
      return graph.op('Sub', [first, last]);
    },
    (x) => tf.sub(tf.slice(x, [0, 0], [2, 2]), tf.slice(x, [4, 0], [2, 2])),
  ),
  one(
    'Split by sizes',
    [2, 5],
    (graph, x) => {
      const [first, second] = graph.op('Split', [x, graph.ints(1, 4)], { axis: attr.int(-1) }, 2);
      return graph.op('Mul', [first, second]);
    },
    (x) => tf.mul(tf.slice(x, [0, 0], [2, 1]), tf.slice(x, [0, 1], [2, 4])),
  ),
  {
    name: 'Concat of three',
    operands: [{ dims: [2, 1, 3] }, { dims: [2, 2, 3] }, { dims: [2, 3, 3] }],
    build: (graph, a, b, c) => {
      const joined = graph.op('Concat', [a, b, c], { axis: attr.int(-2) });
      return graph.op('Mul', [joined, joined]);
    },
    reference: (a, b, c) => tf.square(tf.concat([a, b, c], 1)),
  },
];

describe('operators that only move values', () => {
  it.each(cases)('$name agrees with TensorFlow.js', async (testCase) => {
    expect(await differenceFromTensorFlow(testCase)).toBeLessThan(1e-5);
  });
});
