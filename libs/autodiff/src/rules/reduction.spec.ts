import { attr } from '@koinon/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { differenceFromTensorFlow, type OperatorCase } from '../../test/operator-case.js';

const reductions: [string, (x: tf.Tensor, axes?: number[], keep?: boolean) => tf.Tensor][] = [
  ['ReduceSum', tf.sum],
  ['ReduceMean', tf.mean],
  ['ReduceMax', tf.max],
  ['ReduceMin', tf.min],
  ['ReduceSumSquare', (x, axes, keep) => tf.sum(tf.square(x), axes, keep)],
  ['ReduceL2', (x, axes, keep) => tf.sqrt(tf.sum(tf.square(x), axes, keep))],
];
const axesChoices: (number[] | undefined)[] = [[0], [1, 2], [-1], [0, -2], undefined];

const cases: OperatorCase[] = reductions.flatMap(([op, reference]) =>
  axesChoices.flatMap((axes) =>
    [0, 1].map((keepdims): OperatorCase => ({
      name: `${op} over ${axes === undefined ? 'all' : axes.join()} keepdims ${keepdims}`,
      operands: [{ dims: [2, 3, 4] }],
      build: (graph, x) =>
        graph.op(op, axes === undefined ? [x] : [x, graph.ints(...axes)], { keepdims: attr.int(keepdims) }),
      reference: (x) => reference(x, axes, keepdims === 1),
    })),
  ),
);

const noop: OperatorCase = {
  name: 'ReduceSum that sums nothing',
  operands: [{ dims: [2, 3] }],
  build: (graph, x) => graph.op('ReduceSum', [x], { noop_with_empty_axes: attr.int(1) }),
  reference: (x) => x,
};

const equals = (op: string, values: number[], reference: OperatorCase['reference']): OperatorCase => ({
  name: `${op} of ${values.join()}`,
  operands: [{ dims: [values.length], values }],
  build: (graph, x) => graph.op(op, [x], { keepdims: attr.int(0) }),
  ...(reference && { reference }),
});

describe('reductions', () => {
  it.each([
    equals('ReduceMax', [2, -1, 2, 0], (x) => tf.mul(tf.sum(tf.mul(x, tf.tensor([0.5, 0, 0.5, 0]))), 1)),
    equals('ReduceMin', [2, -1, -1, -1], (x) => tf.sum(tf.mul(x, tf.tensor([0, 1 / 3, 1 / 3, 1 / 3])))),
  ])('$name shares its gradient equally', async (testCase) => {
    expect(await differenceFromTensorFlow(testCase)).toBeLessThan(1e-5);
  });

  it.each([...cases, noop])('$name agrees with TensorFlow.js', async (testCase) => {
    expect(await differenceFromTensorFlow(testCase)).toBeLessThan(1e-5);
  });
});
