import { attr, type Attribute } from '@koinon/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  differenceFromFiniteDifferences,
  differenceFromTensorFlow,
  type OperatorCase,
} from '../../test/operator-case.js';

const activation = (
  op: string,
  attributes: Record<string, Attribute> = {},
  reference?: (x: tf.Tensor) => tf.Tensor,
): OperatorCase => ({
  name: [op, ...Object.keys(attributes)].join(' '),
  operands: [{ dims: [4, 9], low: -4, high: 4 }],
  build: (graph, x) => graph.op(op, [x], attributes),
  ...(reference && { reference }),
});

const hardSigmoid = (alpha: number, beta: number) => (x: tf.Tensor) =>
  tf.clipByValue(tf.add(tf.mul(x, alpha), beta), 0, 1);

const shared = [
  activation('Relu', {}, tf.relu),
  activation('LeakyRelu', {}, (x) => tf.leakyRelu(x, 0.01)),
  activation('LeakyRelu', { alpha: attr.float(0.3) }, (x) => tf.leakyRelu(x, 0.3)),
  activation('Elu', {}, tf.elu),
  activation('Gelu', {}, (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1))),
  activation('Gelu', { approximate: attr.string('tanh') }, (x) => {
    const inner = tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI));
    return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
  }),
  activation('Sigmoid', {}, tf.sigmoid),
  activation('Tanh', {}, tf.tanh),
  activation('HardSigmoid', {}, hardSigmoid(0.2, 0.5)),
  activation('HardSigmoid', { alpha: attr.float(0.4), beta: attr.float(0.3) }, hardSigmoid(0.4, 0.3)),
  activation('HardSwish', {}, (x) => tf.mul(x, hardSigmoid(1 / 6, 0.5)(x))),
  activation('Softplus', {}, tf.softplus),
  activation('Selu', {}, tf.selu),
  activation('Softsign', {}, (x) => tf.div(x, tf.add(tf.abs(x), 1))),
  activation('Mish', {}, (x) => tf.mul(x, tf.tanh(tf.softplus(x)))),
  activation('Celu', { alpha: attr.float(1.7) }, (x) =>
    tf.add(tf.relu(x), tf.mul(tf.minimum(tf.sub(tf.exp(tf.div(x, 1.7)), 1), tf.zerosLike(x)), 1.7)),
  ),
];

describe('activations', () => {
  it.each(shared)('$name agrees with TensorFlow.js', async (testCase) => {
    expect(await differenceFromTensorFlow(testCase)).toBeLessThan(1e-5);
  });

  it.each([
    activation('Elu', { alpha: attr.float(1.7) }),
    activation('Selu', { alpha: attr.float(1.2), gamma: attr.float(0.8) }),
  ])('$name of its own agrees with finite differences', async (testCase) => {
    expect(await differenceFromFiniteDifferences(testCase, 3, 0.005)).toBeLessThan(1e-3);
  });

  it('Relu passes nothing where its input was exactly 0', async () => {
    const testCase: OperatorCase = {
      name: 'Relu at 0',
      operands: [{ dims: [3], values: [0, 0, 1] }],
      build: (graph, x) => graph.op('Relu', [x]),
      reference: tf.relu,
    };
    expect(await differenceFromTensorFlow(testCase)).toBeLessThan(1e-5);
  });
});
