import { GraphBuilder, attr, elementCount } from '@koinon/onnx';
import { Session, Tensor } from '@koinon/onnx-runtime';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  differenceFromFiniteDifferences,
  differenceFromTensorFlow,
  type OperatorCase,
} from '../../test/operator-case.js';
import { relativeDifference } from '../../test/training-run.js';
import { trainingGraph, type Port } from '../index.js';

const gather = (
  name: string,
  dims: number[],
  axis: number,
  indices: number[],
  indexDims: number[],
  reference: (x: tf.Tensor) => tf.Tensor,
): OperatorCase => ({
  name: `Gather ${name}`,
  operands: [{ dims }],
  build: (graph, x) => graph.op('Gather', [x, graph.constant('int64', indexDims, indices)], { axis: attr.int(axis) }),
  reference,
});

const slice = (
  name: string,
  dims: number[],
  starts: number[],
  ends: number[],
  axes: number[] | undefined,
  steps: number[] | undefined,
  reference?: (x: tf.Tensor) => tf.Tensor,
): OperatorCase => ({
  name: `Slice ${name}`,
  operands: [{ dims }],
  build: (graph, x) =>
    graph.op('Slice', [
      x,
      graph.ints(...starts),
      graph.ints(...ends),
      ...(axes ? [graph.ints(...axes)] : []),
      ...(steps ? [graph.ints(...steps)] : []),
    ]),
  ...(reference && { reference }),
});

const pad = (
  name: string,
  mode: string,
  dims: number[],
  pads: number[],
  reference?: (x: tf.Tensor) => tf.Tensor,
): OperatorCase => ({
  name: `Pad ${name}`,
  operands: [{ dims }],
  build: (graph, x) => graph.op('Pad', [x, graph.ints(...pads)], { mode: attr.string(mode) }),
  ...(reference && { reference }),
});

const END = 2 ** 31 - 1;

const shared: OperatorCase[] = [
  gather('rows, one of them twice', [5, 3], 0, [4, 0, 4, 2], [2, 2], (x) =>
    tf.gather(x, tf.tensor2d([4, 0, 4, 2], [2, 2], 'int32'), 0),
  ),
  gather('columns', [2, 5, 3], 1, [1, 1, 3], [3], (x) => tf.gather(x, tf.tensor1d([1, 1, 3], 'int32'), 1)),
  gather('from the end', [4, 3], -1, [-1, 0, -3], [3], (x) => tf.gather(x, tf.tensor1d([2, 0, 0], 'int32'), 1)),
  gather('one by a scalar', [4, 3], 0, [2], [], (x) => tf.gather(x, tf.scalar(2, 'int32'), 0)),
  slice('inner block', [4, 5], [1, 2], [3, 5], undefined, undefined, (x) => tf.slice(x, [1, 2], [2, 3])),
  slice('from the end', [4, 5], [-2], [END], [1], undefined, (x) => tf.slice(x, [0, 3], [4, 2])),
  slice('backwards', [4, 5], [-1], [-END], [0], [-1], (x) => tf.reverse(x, 0)),
  slice('backwards from before the start', [4], [-5], [-10], [0], [-1], (x) => tf.slice(x, 0, 1)),
  slice('backwards from the least integer', [4, 3], [-(2 ** 31)], [-END], [0], [-2], (x) =>
    tf.slice(x, [0, 0], [1, 3]),
  ),
  slice('everything', [2, 3], [0], [END], [0], undefined, (x) => x),
  pad('with a constant', 'constant', [3, 4], [1, 0, 2, 3], (x) =>
    tf.pad(x, [
      [1, 2],
      [0, 3],
    ]),
  ),
  pad('that cuts off', 'constant', [4, 5], [-1, 1, 0, -2], (x) =>
    tf.pad(tf.slice(x, [1, 0], [3, 3]), [
      [0, 0],
      [1, 0],
    ]),
  ),
];

// TensorFlow.js has no gradient of a strided slice, and that of its mirrored padding drops the mirrored part
const others: OperatorCase[] = [
  slice('every second', [4, 7], [1], [END], [1], [2]),
  slice('two axes with steps', [5, 6], [0, 1], [5, 6], [0, 1], [2, 3]),
  pad('by reflection', 'reflect', [4, 5], [2, 1, 1, 3]),
  pad('with the edge', 'edge', [3, 4], [2, 0, 1, 2]),
  pad('around', 'wrap', [3, 4], [1, 2, 2, 1]),
  pad('around what is left', 'wrap', [2, 4], [0, -1, 0, 2]),
  pad('by reflection of what is left', 'reflect', [2, 5], [0, 1, 0, -1]),
  slice('backwards in twos', [2, 7], [-2], [0], [1], [-2]),
];

describe('a row that is picked many times', () => {
  it('receives every gradient, whatever the number of threads', async () => {
    const [rows, width, records, tokens] = [2, 512, 4, 800];
    const graph = new GraphBuilder('embedding');
    const ids = graph.input('ids', 'int64', ['batch', tokens]);
    graph.initializer('table', 'float32', [rows, width], new Float32Array(rows * width));
    graph.op('Gather', ['table', ids], {}, 'vectors');
    graph.output('vectors');
    const { bytes, inputs, outputs } = await trainingGraph(graph.model(), {
      trainable: ['table'],
      output: 'vectors',
      loss: 'mse',
      optimizer: { kind: 'none' },
      batch: records,
    });
    const session = await Session.create(bytes, { threads: 4 });
    const filled = ({ name, dims }: Port, value: number): [string, Tensor] => [
      name,
      new Tensor('float32', new Float32Array(elementCount(dims)).fill(value), dims),
    ];
    const feeds = Object.fromEntries([
      filled(inputs.labels, 1),
      filled(inputs.mask!, 1),
      filled(inputs.parameters['table']!, 0),
      [
        'ids',
        new Tensor(
          'int64',
          BigInt64Array.from({ length: records * tokens }, (_, place) => BigInt(place % 4 === 0)),
          [records, tokens],
        ),
      ],
    ]);
    // each of the vectors is 1 away from its label in every element, and the mean is over all elements
    const each = -2 / (records * tokens * width);
    for (let run = 0; run < 5; run++) {
      const gradient = (await session.run(feeds))[outputs.gradients!['table']!.name]!.data as Float32Array;
      const expected = gradient.map((_, place) => each * records * tokens * (place < width ? 0.75 : 0.25));
      // one lost gradient would be 1/2400 of the largest sum
      expect(relativeDifference({ table: gradient }, { table: expected })).toBeLessThan(1e-4);
    }
    await session.release();
  });
});

describe('operators that pick or surround elements', () => {
  it.each(shared)('$name agrees with TensorFlow.js', async (testCase) => {
    expect(await differenceFromTensorFlow(testCase)).toBeLessThan(1e-5);
  });

  it.each(others)('$name agrees with finite differences', async (testCase) => {
    expect(await differenceFromFiniteDifferences(testCase)).toBeLessThan(1e-3);
  });
});
