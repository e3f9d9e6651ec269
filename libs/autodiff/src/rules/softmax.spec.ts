import { attr } from '@koinon/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  differenceFromFiniteDifferences,
  differenceFromTensorFlow,
  type OperatorCase,
} from '../../test/operator-case.js';

const along = (op: string, axis: number, reference: (x: tf.Tensor) => tf.Tensor): OperatorCase => ({
  name: `${op} along ${axis}`,
  operands: [{ dims: [2, 3, 5], low: -3, high: 3 }],
  build: (graph, x) => graph.op(op, [x], { axis: attr.int(axis) }),
  reference,
});

const middle = (f: (x: tf.Tensor) => tf.Tensor) => (x: tf.Tensor) =>
  tf.transpose(f(tf.transpose(x, [0, 2, 1])), [0, 2, 1]);

const cases = [
  along('Softmax', -1, (x) => tf.softmax(x)),
  along(
    'Softmax',
    1,
    middle((x) => tf.softmax(x)),
  ),
  along('LogSoftmax', 2, (x) => tf.logSoftmax(x)),
  along(
    'LogSoftmax',
    -2,
    middle((x) => tf.logSoftmax(x)),
  ),
];

describe('softmax', () => {
  it.each(cases)('$name agrees with TensorFlow.js', async (testCase) => {
    expect(await differenceFromTensorFlow(testCase)).toBeLessThan(1e-5);
  });

  it.each(cases)('$name agrees with finite differences', async (testCase) => {
    expect(await differenceFromFiniteDifferences(testCase)).toBeLessThan(1e-3);
  });
});
