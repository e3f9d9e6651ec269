import { attr, type Attribute } from '@koinon/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  differenceFromFiniteDifferences,
  differenceFromTensorFlow,
  type OperatorCase,
} from '../../test/operator-case.js';

const channelsLast = (f: (x: tf.Tensor4D) => tf.Tensor) => (x: tf.Tensor) =>
  tf.transpose(f(tf.transpose(x, [0, 2, 3, 1]) as tf.Tensor4D), [0, 3, 1, 2]);

const pool = (
  name: string,
  op: string,
  input: number[],
  attributes: Record<string, Attribute>,
  reference?: (x: tf.Tensor) => tf.Tensor,
): OperatorCase => ({
  name: `${op} ${name}`,
  operands: [{ dims: input }],
  build: (graph, x) => graph.op(op, [x], attributes),
  ...(reference && { reference }),
});

const ints = attr.ints;
const tiles = { kernel_shape: ints([2, 2]), strides: ints([2, 2]) };
const same = { kernel_shape: ints([3, 3]), strides: ints([2, 2]), auto_pad: attr.string('SAME_UPPER') };

const shared: OperatorCase[] = [
  pool(
    'tiles',
    'MaxPool',
    [2, 3, 6, 4],
    tiles,
    channelsLast((x) => tf.maxPool(x, 2, 2, 'valid')),
  ),
  pool(
    'overlapping',
    'MaxPool',
    [2, 2, 7, 7],
    { kernel_shape: ints([3, 3]), strides: ints([2, 2]) },
    channelsLast((x) => tf.maxPool(x, 3, 2, 'valid')),
  ),
  pool(
    'with a rest',
    'MaxPool',
    [1, 2, 5, 5],
    tiles,
    channelsLast((x) => tf.maxPool(x, 2, 2, 'valid')),
  ),
  pool(
    'tiles, rounded up',
    'MaxPool',
    [2, 2, 7, 7],
    { ...tiles, ceil_mode: attr.int(1) },
    channelsLast((x) => tf.maxPool(x, 2, 2, 'same')),
  ),
  pool(
    'tiles, SAME_UPPER',
    'MaxPool',
    [2, 2, 7, 7],
    { ...tiles, auto_pad: attr.string('SAME_UPPER') },
    channelsLast((x) => tf.maxPool(x, 2, 2, 'same')),
  ),
  pool(
    'tiles, padded',
    'MaxPool',
    [1, 2, 4, 4],
    { ...tiles, pads: ints([1, 1, 1, 1]) },
    channelsLast((x) =>
      tf.maxPool(x, 2, 2, [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ]),
    ),
  ),
  pool(
    'column-major',
    'MaxPool',
    [1, 2, 3, 4],
    { ...tiles, storage_order: attr.int(1) },
    channelsLast((x) => tf.maxPool(x, 2, 2, 'valid')),
  ),
  pool(
    'SAME_UPPER',
    'MaxPool',
    [2, 2, 6, 6],
    same,
    channelsLast((x) => tf.maxPool(x, 3, 2, 'same')),
  ),
  pool(
    'tiles',
    'AveragePool',
    [2, 3, 6, 4],
    tiles,
    channelsLast((x) => tf.avgPool(x, 2, 2, 'valid')),
  ),
  pool(
    'overlapping',
    'AveragePool',
    [2, 2, 7, 7],
    { kernel_shape: ints([3, 2]), strides: ints([2, 1]) },
    channelsLast((x) => tf.avgPool(x, [3, 2], [2, 1], 'valid')),
  ),
  pool('everything', 'GlobalAveragePool', [2, 3, 4, 5], {}, (x) => tf.mean(x, [2, 3], true)),
];

const others: OperatorCase[] = [
  pool('padded, rounded up', 'MaxPool', [1, 2, 6, 6], {
    kernel_shape: ints([3, 3]),
    strides: ints([2, 2]),
    pads: ints([1, 0, 1, 0]),
    ceil_mode: attr.int(1),
  }),
  pool('dilated', 'MaxPool', [1, 1, 6, 6], { kernel_shape: ints([2, 2]), dilations: ints([2, 2]) }),
  pool('over one axis', 'MaxPool', [2, 2, 7], { kernel_shape: ints([2]), strides: ints([2]) }),
  pool('padded, without its zeros', 'AveragePool', [1, 2, 5, 6], {
    kernel_shape: ints([3, 3]),
    pads: ints([1, 1, 1, 0]),
    strides: ints([2, 2]),
  }),
  pool('padded, with its zeros', 'AveragePool', [1, 2, 5, 6], {
    kernel_shape: ints([3, 3]),
    pads: ints([1, 1, 1, 0]),
    count_include_pad: attr.int(1),
  }),
  pool('rounded up', 'AveragePool', [1, 2, 5, 6], {
    kernel_shape: ints([2, 2]),
    strides: ints([2, 2]),
    ceil_mode: attr.int(1),
  }),
  pool('SAME_LOWER', 'AveragePool', [1, 1, 6, 5], {
    kernel_shape: ints([3, 3]),
    strides: ints([2, 2]),
    auto_pad: attr.string('SAME_LOWER'),
  }),
  pool('over three axes', 'AveragePool', [1, 1, 3, 4, 3], { kernel_shape: ints([2, 2, 2]) }),
];

describe('pooling', () => {
  it.each(shared)('$name agrees with TensorFlow.js', async (testCase) => {
    expect(await differenceFromTensorFlow(testCase)).toBeLessThan(1e-5);
  });

  it.each([
    pool('over padding alone', 'MaxPool', [1, 1, 7, 7], { ...tiles, pads: ints([1, 1, 1, 1]), ceil_mode: attr.int(1) }),
    pool('over padding alone', 'AveragePool', [1, 1, 4, 5], {
      kernel_shape: ints([1, 1]),
      strides: ints([3, 3]),
      ceil_mode: attr.int(1),
    }),
  ])('$name is refused', async (testCase) => {
    await expect(differenceFromFiniteDifferences(testCase)).rejects.toMatchObject({
      code: 'AUTODIFF_UNSUPPORTED',
      message: expect.stringContaining('ceil_mode'),
    });
  });

  it.each(others)('$name agrees with finite differences', async (testCase) => {
    expect(await differenceFromFiniteDifferences(testCase, 5, 0.002)).toBeLessThan(2e-3);
  });
});
