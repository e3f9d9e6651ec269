import { attr } from '@koinon/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  differenceFromFiniteDifferences,
  differenceFromTensorFlow,
  type OperatorCase,
} from '../../test/operator-case.js';

function standardize(x: tf.Tensor, axes: number[], epsilon = 1e-5): tf.Tensor {
  const { mean, variance } = tf.moments(x, axes, true);
  return tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon)));
}

const column = (x: tf.Tensor) => tf.reshape(x, [-1, 1, 1]);
const affine = (x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) => tf.add(tf.mul(x, column(scale)), column(shift));
const statistics = [0.3, -0.2, 0.5];
const variances = [0.6, 1.4, 0.9];

const cases: OperatorCase[] = [
  {
    name: 'BatchNormalization, frozen',
    operands: [{ dims: [2, 3, 2, 4] }, { dims: [3] }, { dims: [3] }],
    build: (graph, x, scale, shift) =>
      graph.op('BatchNormalization', [
        x,
        scale,
        shift,
        graph.constant('float32', [3], statistics),
        graph.constant('float32', [3], variances),
      ]),
    reference: (x, scale, shift) =>
      tf.transpose(
        tf.batchNorm(
          tf.transpose(x, [0, 2, 3, 1]),
          tf.tensor1d(statistics),
          tf.tensor1d(variances),
          shift as tf.Tensor1D,
          scale as tf.Tensor1D,
          1e-5,
        ),
        [0, 3, 1, 2],
      ),
  },
  {
    name: 'LayerNormalization over the last axis',
    operands: [{ dims: [2, 3, 5] }, { dims: [5] }, { dims: [5] }],
    build: (graph, x, scale, shift) => graph.op('LayerNormalization', [x, scale, shift]),
    reference: (x, scale, shift) => tf.add(tf.mul(standardize(x, [2]), scale), shift),
  },
  {
    name: 'LayerNormalization over two axes, without shift',
    operands: [{ dims: [2, 3, 5] }, { dims: [3, 5] }],
    build: (graph, x, scale) =>
      graph.op('LayerNormalization', [x, scale], { axis: attr.int(1), epsilon: attr.float(0.1) }),
    reference: (x, scale) => tf.mul(standardize(x, [1, 2], 0.1), scale),
  },
  {
    name: 'InstanceNormalization',
    operands: [{ dims: [2, 3, 4, 3] }, { dims: [3] }, { dims: [3] }],
    build: (graph, x, scale, shift) => graph.op('InstanceNormalization', [x, scale, shift]),
    reference: (x, scale, shift) => affine(standardize(x, [2, 3]), scale, shift),
  },
];

// the meaning of scale changed with opset 21: the model here has opset 20, so there is one scale per group
const groups: OperatorCase = {
  name: 'GroupNormalization with a scale per group',
  operands: [{ dims: [2, 4, 3, 2] }, { dims: [2] }, { dims: [2] }],
  build: (graph, x, scale, shift) => graph.op('GroupNormalization', [x, scale, shift], { num_groups: attr.int(2) }),
  reference: (x, scale, shift) => {
    const grouped = standardize(tf.reshape(x, [2, 2, 12]), [2]);
    return tf.reshape(tf.add(tf.mul(grouped, tf.reshape(scale, [2, 1])), tf.reshape(shift, [2, 1])), [2, 4, 3, 2]);
  },
};

const channels: OperatorCase = {
  name: 'GroupNormalization with a scale per channel',
  opset: 21,
  operands: [{ dims: [2, 4, 3, 2] }, { dims: [4] }, { dims: [4] }],
  build: (graph, x, scale, shift) => graph.op('GroupNormalization', [x, scale, shift], { num_groups: attr.int(2) }),
  reference: (x, scale, shift) =>
    affine(tf.reshape(standardize(tf.reshape(x, [2, 2, 12]), [2]), [2, 4, 3, 2]), scale, shift),
};

const batchStatistics: OperatorCase = {
  name: 'BatchNormalization with the statistics of the batch',
  batchNormalization: 'training',
  operands: cases[0]!.operands,
  build: cases[0]!.build,
  reference: (x, scale, shift) => affine(standardize(x, [0, 2, 3]), scale, shift),
};

const all = [...cases, groups, channels, batchStatistics];

describe('normalisation', () => {
  it.each(all)('$name agrees with TensorFlow.js', async (testCase) => {
    expect(await differenceFromTensorFlow(testCase)).toBeLessThan(1e-5);
  });

  it.each(all)('$name agrees with finite differences', async (testCase) => {
    expect(await differenceFromFiniteDifferences(testCase)).toBeLessThan(1e-3);
  });
});
