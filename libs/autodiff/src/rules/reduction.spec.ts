import { attr } from '@koinon/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { differenceFromTensorFlow, type OperatorCase } from '../../test/operator-case.js';

const reductions: [string, (x: tf.Tensor, axes?: number[], keep?: boolean) => tf.Tensor][] = [['ReduceSum', tf.sum], ['ReduceMean', tf.mean]];
const axesChoices: (number[] | undefined)[] = [[0], [1, 2], [-1], [0, -2], undefined];

const cases: OperatorCase[] = reductions.flatMap(([op, reference]) =>
  axesChoices.flatMap((axes) =>
    [0, 1].map((keepdims): OperatorCase => ({
      name: `${op} over ${axes === undefined ? 'all' : axes.join()} keepdims ${keepdims}`,
      operands: [{ dims: [2, 3, 4] }],
      build: (graph, x) => graph.op(op, axes === undefined ? [x] : [x, graph.ints(...axes)], { keepdims: attr.int(keepdims) }),
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

describe('reductions', () => {
  it.each([...cases, noop])('$name agrees with TensorFlow.js', async (testCase) => {
    expect(await differenceFromTensorFlow(testCase)).toBeLessThan(1e-5);
  });
});
