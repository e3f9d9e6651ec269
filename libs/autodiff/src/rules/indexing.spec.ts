import { attr } from '@koinon/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { differenceFromFiniteDifferences, differenceFromTensorFlow, type OperatorCase } from '../../test/operator-case.js';

const gather = (name: string, dims: number[], axis: number, indices: number[], indexDims: number[], reference: (x: tf.Tensor) => tf.Tensor): OperatorCase => ({
  name: `Gather ${name}`,
  operands: [{ dims }],
  build: (graph, x) => graph.op('Gather', [x, graph.constant('int64', indexDims, indices)], { axis: attr.int(axis) }),
  reference,
});

const slice = (name: string, dims: number[], starts: number[], ends: number[], axes: number[] | undefined, steps: number[] | undefined, reference?: (x: tf.Tensor) => tf.Tensor): OperatorCase => ({
  name: `Slice ${name}`,
  operands: [{ dims }],
  build: (graph, x) => graph.op('Slice', [x, graph.ints(...starts), graph.ints(...ends), ...(axes ? [graph.ints(...axes)] : []), ...(steps ? [graph.ints(...steps)] : [])]),
  ...(reference && { reference }),
});

const pad = (name: string, mode: string, dims: number[], pads: number[], reference?: (x: tf.Tensor) => tf.Tensor): OperatorCase => ({
  name: `Pad ${name}`,
  operands: [{ dims }],
  build: (graph, x) => graph.op('Pad', [x, graph.ints(...pads)], { mode: attr.string(mode) }),
  ...(reference && { reference }),
});

const end = 2 ** 31 - 1;

const shared: OperatorCase[] = [
  gather('rows, one of them twice', [5, 3], 0, [4, 0, 4, 2], [2, 2], (x) => tf.gather(x, tf.tensor2d([4, 0, 4, 2], [2, 2], 'int32'), 0)),
  gather('columns', [2, 5, 3], 1, [1, 1, 3], [3], (x) => tf.gather(x, tf.tensor1d([1, 1, 3], 'int32'), 1)),
  gather('from the end', [4, 3], -1, [-1, 0, -3], [3], (x) => tf.gather(x, tf.tensor1d([2, 0, 0], 'int32'), 1)),
  gather('one by a scalar', [4, 3], 0, [2], [], (x) => tf.gather(x, tf.scalar(2, 'int32'), 0)),
  slice('inner block', [4, 5], [1, 2], [3, 5], undefined, undefined, (x) => tf.slice(x, [1, 2], [2, 3])),
  slice('from the end', [4, 5], [-2], [end], [1], undefined, (x) => tf.slice(x, [0, 3], [4, 2])),
  slice('backwards', [4, 5], [-1], [-end], [0], [-1], (x) => tf.reverse(x, 0)),
  slice('everything', [2, 3], [0], [end], [0], undefined, (x) => x),
  pad('with a constant', 'constant', [3, 4], [1, 0, 2, 3], (x) => tf.pad(x, [[1, 2], [0, 3]])),
  pad('that cuts off', 'constant', [4, 5], [-1, 1, 0, -2], (x) => tf.pad(tf.slice(x, [1, 0], [3, 3]), [[0, 0], [1, 0]])),
];

// TensorFlow.js has no gradient of a strided slice, and that of its mirrored padding drops the mirrored part
const others: OperatorCase[] = [
  slice('every second', [4, 7], [1], [end], [1], [2]),
  slice('two axes with steps', [5, 6], [0, 1], [5, 6], [0, 1], [2, 3]),
  pad('by reflection', 'reflect', [4, 5], [2, 1, 1, 3]),
  pad('with the edge', 'edge', [3, 4], [2, 0, 1, 2]),
  pad('around', 'wrap', [3, 4], [1, 2, 2, 1]),
  slice('backwards in twos', [2, 7], [-2], [0], [1], [-2]),
];

describe('operators that pick or surround elements', () => {
  it.each(shared)('$name agrees with TensorFlow.js', async (testCase) => {
    expect(await differenceFromTensorFlow(testCase)).toBeLessThan(1e-5);
  });

  it.each(others)('$name agrees with finite differences', async (testCase) => {
    expect(await differenceFromFiniteDifferences(testCase)).toBeLessThan(1e-3);
  });
});
