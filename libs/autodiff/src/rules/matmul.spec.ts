import { attr } from '@koinon/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  differenceFromFiniteDifferences,
  differenceFromTensorFlow,
  type OperatorCase,
} from '../../test/operator-case.js';

const gemm = (
  transA: number,
  transB: number,
  alpha: number,
  beta: number,
  bias: number[],
  [rows, inputs, outputs] = [3, 4, 5] as [number, number, number],
): OperatorCase => ({
  name: `Gemm [${rows}, ${inputs}] to ${outputs} transA ${transA} transB ${transB} alpha ${alpha} beta ${beta} bias [${bias.join()}]`,
  operands: [
    { dims: transA ? [inputs, rows] : [rows, inputs] },
    { dims: transB ? [outputs, inputs] : [inputs, outputs] },
    { dims: bias },
  ],
  build: (graph, a, b, c) =>
    graph.op('Gemm', [a, b, c], {
      transA: attr.int(transA),
      transB: attr.int(transB),
      alpha: attr.float(alpha),
      beta: attr.float(beta),
    }),
  reference: (a, b, c) =>
    tf.add(tf.mul(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, transA === 1, transB === 1), alpha), tf.mul(c, beta)),
});

const matmul = (
  left: number[],
  right: number[],
  reference: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor = tf.matMul,
): OperatorCase => ({
  name: `MatMul [${left.join()}] [${right.join()}]`,
  operands: [{ dims: left }, { dims: right }],
  build: (graph, a, b) => graph.op('MatMul', [a, b]),
  reference,
});

/** A batch so small beside the weight that the product is computed the other way round. */
const turned = [[10], [1, 10], [2, 1], [2, 10], []].map((bias) => gemm(0, 1, 0.7, 1.3, bias, [2, 12, 10]));

const cases: OperatorCase[] = [
  ...[0, 1].flatMap((transA) =>
    [0, 1].flatMap((transB) => [gemm(transA, transB, 1, 1, [5]), gemm(transA, transB, 0.7, 1.3, [3, 1])]),
  ),
  gemm(0, 0, 1, 1, []),
  gemm(0, 1, 2, 0.5, [1, 5]),
  gemm(0, 0, 1, 1, [3, 5]),
  {
    ...gemm(0, 0, 1, 1, []),
    name: 'Gemm without bias',
    operands: [{ dims: [3, 4] }, { dims: [4, 5] }],
    build: (graph, a, b) => graph.op('Gemm', [a, b]),
    reference: (a, b) => tf.matMul(a, b),
  },
  ...turned,
  matmul([3, 4], [4, 5]),
  matmul([2, 3, 4], [2, 4, 5]),
  matmul([2, 3, 4], [4, 5], (a, b) => tf.reshape(tf.matMul(tf.reshape(a, [6, 4]), b as tf.Tensor2D), [2, 3, 5])),
  matmul([3, 4], [2, 4, 5], (a, b) => tf.matMul(tf.tile(tf.expandDims(a), [2, 1, 1]), b)),
  matmul([2, 1, 3, 4], [3, 4, 2], (a, b) =>
    tf.matMul(tf.tile(a, [1, 3, 1, 1]), tf.tile(tf.expandDims(b), [2, 1, 1, 1])),
  ),
  matmul([4], [4, 5], (a, b) => tf.matMul(tf.expandDims(a), b)),
  matmul([3, 4], [4], (a, b) => tf.matMul(a, tf.expandDims(b, 1))),
  matmul([4], [4], (a, b) => tf.sum(tf.mul(a, b))),
];

describe('matrix products', () => {
  it.each(cases)('$name agrees with TensorFlow.js', async (testCase) => {
    expect(await differenceFromTensorFlow(testCase)).toBeLessThan(1e-5);
  });

  it('MatMul of a batch and a vector agrees with finite differences', async () => {
    expect(await differenceFromFiniteDifferences(matmul([2, 3, 4], [4]))).toBeLessThan(1e-3);
  });
});
