import { attr, type Attribute } from '@koinon/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  differenceFromFiniteDifferences,
  differenceFromTensorFlow,
  type OperatorCase,
} from '../../test/operator-case.js';

const toChannelsLast = (x: tf.Tensor) => tf.transpose(x, [0, 2, 3, 1]) as tf.Tensor4D;
const toChannelsFirst = (x: tf.Tensor) => tf.transpose(x, [0, 3, 1, 2]);

interface ConvCase {
  name: string;
  input: number[];
  weight: number[];
  attributes?: Record<string, Attribute>;
  pads?: [number, number, number, number];
  strides?: [number, number];
  dilations?: [number, number];
  group?: number;
}

/** The kernel with zeros between its elements: TensorFlow.js differentiates no dilated convolution. */
function dilated(kernel: tf.Tensor4D, [vertical, horizontal]: [number, number] = [1, 1]): tf.Tensor4D {
  const [height, width, inputs, outputs] = kernel.shape;
  const spread = tf.pad(tf.reshape(kernel, [height, 1, width, 1, inputs * outputs]), [
    [0, 0],
    [0, vertical - 1],
    [0, 0],
    [0, horizontal - 1],
    [0, 0],
  ]);
  const full = tf.reshape(spread, [height * vertical, width * horizontal, inputs, outputs]);
  return tf.slice(
    full as tf.Tensor4D,
    [0, 0, 0, 0],
    [(height - 1) * vertical + 1, (width - 1) * horizontal + 1, inputs, outputs],
  );
}

// [top, left, bottom, right] in ONNX, explicit zeros around the image in TensorFlow.js
function conv({ name, input, weight, attributes, pads, strides, dilations, group = 1 }: ConvCase): OperatorCase {
  const [top, left, bottom, right] = pads ?? [0, 0, 0, 0];
  return {
    name: `Conv ${name}`,
    operands: [{ dims: input }, { dims: weight }, { dims: weight.slice(0, 1) }],
    build: (graph, x, w, b) =>
      graph.op('Conv', [x, w, b], {
        ...(pads && { pads: attr.ints(pads) }),
        ...(strides && { strides: attr.ints(strides) }),
        ...(dilations && { dilations: attr.ints(dilations) }),
        ...(group > 1 && { group: attr.int(group) }),
        ...attributes,
      }),
    reference: (x, w, b) => {
      const padded = tf.pad(toChannelsLast(x), [
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ]);
      const kernel = dilated(tf.transpose(w, [2, 3, 1, 0]) as tf.Tensor4D, dilations);
      const convolve = (part: tf.Tensor, own: tf.Tensor) =>
        tf.conv2d(part as tf.Tensor4D, own as tf.Tensor4D, strides ?? 1, 'valid');
      if (group === 1) return toChannelsFirst(tf.add(convolve(padded, kernel), b));
      const kernels = tf.split(kernel, group, 3);
      const parts = tf.split(padded, group, 3).map((part, index) => convolve(part, kernels.at(index)!));
      return toChannelsFirst(tf.add(tf.concat(parts, 3), b));
    },
  };
}

const shared: OperatorCase[] = [
  conv({ name: 'plain', input: [2, 3, 6, 5], weight: [4, 3, 3, 3] }),
  conv({ name: 'padded', input: [2, 2, 5, 5], weight: [3, 2, 3, 3], pads: [1, 1, 1, 1] }),
  conv({
    name: 'unevenly padded and strided',
    input: [2, 2, 7, 6],
    weight: [3, 2, 3, 2],
    pads: [0, 1, 2, 1],
    strides: [2, 3],
  }),
  conv({ name: 'strided with a rest', input: [1, 2, 8, 8], weight: [2, 2, 3, 3], strides: [3, 2] }),
  conv({ name: 'dilated', input: [2, 2, 8, 9], weight: [3, 2, 3, 3], pads: [1, 2, 2, 1], dilations: [2, 3] }),
  conv({ name: 'grouped', input: [2, 4, 5, 5], weight: [6, 2, 3, 3], pads: [1, 1, 1, 1], group: 2 }),
  conv({
    name: 'depthwise, strided',
    input: [2, 3, 6, 6],
    weight: [3, 1, 3, 3],
    pads: [1, 1, 1, 1],
    strides: [2, 2],
    group: 3,
  }),
  conv({ name: 'pointwise', input: [2, 4, 3, 3], weight: [5, 4, 1, 1] }),
  conv({ name: 'pointwise, strided', input: [2, 4, 5, 5], weight: [3, 4, 1, 1], strides: [2, 2] }),
  {
    ...conv({ name: 'SAME_UPPER', input: [2, 2, 7, 6], weight: [3, 2, 4, 3], pads: [1, 0, 2, 1], strides: [2, 2] }),
    build: (graph, x, w, b) =>
      graph.op('Conv', [x, w, b], { auto_pad: attr.string('SAME_UPPER'), strides: attr.ints([2, 2]) }),
  },
  {
    ...conv({ name: 'SAME_LOWER', input: [2, 2, 7, 6], weight: [3, 2, 4, 3], pads: [2, 1, 1, 0], strides: [2, 2] }),
    build: (graph, x, w, b) =>
      graph.op('Conv', [x, w, b], { auto_pad: attr.string('SAME_LOWER'), strides: attr.ints([2, 2]) }),
  },
  {
    ...conv({ name: 'VALID', input: [2, 2, 5, 5], weight: [3, 2, 3, 3] }),
    build: (graph, x, w, b) => graph.op('Conv', [x, w, b], { auto_pad: attr.string('VALID') }),
  },
  {
    name: 'ConvTranspose',
    operands: [{ dims: [2, 3, 4, 4] }, { dims: [3, 2, 3, 3] }],
    build: (graph, x, w) => graph.op('ConvTranspose', [x, w], { strides: attr.ints([2, 2]) }),
    reference: (x, w) =>
      toChannelsFirst(
        tf.conv2dTranspose(toChannelsLast(x), tf.transpose(w, [2, 3, 1, 0]) as tf.Tensor4D, [2, 9, 9, 2], 2, 'valid'),
      ),
  },
];

const other = (
  name: string,
  op: string,
  input: number[],
  weight: number[],
  bias: number,
  attributes: Record<string, Attribute>,
): OperatorCase => ({
  name: `${op} ${name}`,
  operands: [{ dims: input }, { dims: weight }, { dims: [bias] }],
  build: (graph, x, w, b) => graph.op(op, [x, w, b], attributes),
});

const others: OperatorCase[] = [
  other('over one axis', 'Conv', [2, 2, 7], [3, 2, 3], 3, { pads: attr.ints([1, 0]), strides: attr.ints([2]) }),
  other('over three axes', 'Conv', [1, 2, 3, 4, 3], [2, 2, 2, 3, 2], 2, { pads: attr.ints([1, 0, 0, 0, 1, 1]) }),
  other('grouped, padded, dilated', 'ConvTranspose', [2, 4, 3, 3], [4, 2, 2, 3], 4, {
    group: attr.int(2),
    pads: attr.ints([1, 0, 1, 2]),
    strides: attr.ints([2, 2]),
    dilations: attr.ints([2, 1]),
  }),
  other('with output_padding', 'ConvTranspose', [1, 2, 3, 3], [2, 2, 3, 3], 2, {
    strides: attr.ints([2, 2]),
    output_padding: attr.ints([1, 1]),
    pads: attr.ints([1, 1, 1, 1]),
  }),
  other('with output_shape', 'ConvTranspose', [1, 2, 3, 3], [2, 1, 3, 3], 1, {
    strides: attr.ints([2, 2]),
    output_shape: attr.ints([6, 6]),
  }),
  other('SAME_UPPER', 'ConvTranspose', [1, 2, 3, 3], [2, 1, 3, 3], 1, {
    strides: attr.ints([2, 2]),
    auto_pad: attr.string('SAME_UPPER'),
  }),
  other('over one axis', 'ConvTranspose', [2, 2, 4], [2, 3, 3], 3, { strides: attr.ints([2]) }),
];

describe('convolutions', () => {
  it.each(shared)('$name agrees with TensorFlow.js', async (testCase) => {
    expect(await differenceFromTensorFlow(testCase)).toBeLessThan(1e-5);
  });

  it.each([
    other('output_shape', 'ConvTranspose', [1, 2, 4, 4], [2, 1, 3, 3], 1, { output_shape: attr.ints([3, 3]) }),
    other('auto_pad', 'ConvTranspose', [1, 2, 4, 4], [2, 1, 3, 3], 1, {
      strides: attr.ints([2, 2]),
      auto_pad: attr.string('SAME_UPPER'),
      output_padding: attr.ints([1, 1]),
    }),
  ])('$name of which the runtime makes something else is refused', async (testCase) => {
    await expect(differenceFromFiniteDifferences(testCase)).rejects.toMatchObject({ code: 'AUTODIFF_UNSUPPORTED' });
  });

  it.each(others)('$name agrees with finite differences', async (testCase) => {
    expect(await differenceFromFiniteDifferences(testCase)).toBeLessThan(1e-3);
  });
});
