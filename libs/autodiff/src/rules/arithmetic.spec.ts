import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  differenceFromFiniteDifferences,
  differenceFromTensorFlow,
  type OperatorCase,
} from '../../test/operator-case.js';

const shapePairs: [number[], number[]][] = [
  [
    [2, 3, 4],
    [2, 3, 4],
  ],
  [[2, 3, 4], [4]],
  [
    [3, 1],
    [2, 3, 4],
  ],
  [[2, 3, 4], []],
  [
    [1, 3, 1],
    [2, 1, 4],
  ],
];

const binary = (op: string, reference: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor, low = -1, high = 1): OperatorCase[] =>
  shapePairs.map(([left, right]) => ({
    name: `${op} [${left.join()}] [${right.join()}]`,
    operands: [
      { dims: left, low, high },
      { dims: right, low, high },
    ],
    build: (graph, a, b) => graph.op(op, [a, b]),
    reference,
  }));

const unary = (op: string, reference: (x: tf.Tensor) => tf.Tensor, low = -2, high = 2): OperatorCase => ({
  name: op,
  operands: [{ dims: [3, 7], low, high }],
  build: (graph, x) => graph.op(op, [x]),
  reference,
});

const clip = (name: string, low: number | undefined, high: number | undefined): OperatorCase => ({
  name,
  operands: [{ dims: [4, 6], low: -2, high: 2 }],
  build: (graph, x) =>
    graph.op('Clip', [x, low === undefined ? '' : graph.float(low), high === undefined ? '' : graph.float(high)]),
  reference: (x) => tf.clipByValue(x, low ?? -1e9, high ?? 1e9),
});

const cases: OperatorCase[] = [
  ...binary('Add', tf.add),
  ...binary('Sub', tf.sub),
  ...binary('Mul', tf.mul),
  ...binary('Div', tf.div, 0.5, 2),
  ...binary('Pow', tf.pow, 0.5, 2),
  {
    name: 'Max of three, two of them equal',
    operands: [
      { dims: [4], values: [1, 5, 2, 0] },
      { dims: [4], values: [1, 4, 3, 0] },
      { dims: [4], values: [0, 4, 3, 0] },
    ],
    build: (graph, a, b, c) => graph.op('Max', [a, b, c]),
    reference: (a, b, c) =>
      tf.addN([
        tf.mul(a, tf.tensor([1 / 2, 1, 0, 1 / 3])),
        tf.mul(b, tf.tensor([1 / 2, 0, 1 / 2, 1 / 3])),
        tf.mul(c, tf.tensor([0, 0, 1 / 2, 1 / 3])),
      ]),
  },
  unary('Reciprocal', tf.reciprocal, 0.4, 2),
  unary('Neg', tf.neg),
  unary('Sqrt', tf.sqrt, 0.3, 2),
  unary('Exp', tf.exp),
  unary('Log', tf.log, 0.3, 2),
  unary('Abs', tf.abs),
  unary('Erf', tf.erf),
  unary('Sin', tf.sin),
  unary('Cos', tf.cos),
  clip('Clip between', -0.7, 0.9),
  clip('Clip below', -0.7, undefined),
  clip('Clip above', undefined, 0.9),
  {
    name: 'Pow by the constant 2',
    operands: [{ dims: [5] }],
    build: (graph, x) => graph.op('Pow', [x, graph.float(2)]),
    reference: (x) => tf.square(x),
  },
  {
    name: 'Pow of negative numbers by a constant',
    operands: [{ dims: [5] }],
    build: (graph, x) => graph.op('Pow', [x, graph.float(3)]),
    reference: (x) => tf.mul(tf.square(x), x),
  },
  {
    name: 'Pow of 0 by 0 and 2',
    operands: [{ dims: [2, 2], values: [0, 0.7, -0.4, 0] }],
    build: (graph, x) => graph.op('Pow', [x, graph.constant('float32', [2], [0, 2])]),
    reference: (x) => tf.add(tf.mul(tf.square(x), tf.tensor([0, 1])), tf.tensor([1, 0])),
  },
  ...(['int32', 'int64'] as const).map((type): OperatorCase => ({
    name: `Pow by ${type} exponents`,
    operands: [{ dims: [4, 2], low: 0.5, high: 2 }],
    build: (graph, x) => graph.op('Pow', [x, graph.constant(type, [2], [3, -1])]),
    reference: (x) => tf.pow(x, tf.tensor([3, -1])),
  })),
  {
    name: 'one value used twice',
    operands: [{ dims: [5] }],
    build: (graph, x) => graph.op('Mul', [x, x]),
    reference: (x) => tf.square(x),
  },
];

/** TensorFlow.js does not sum these gradients over broadcast axes. */
const chosen = [
  ...binary('Max', tf.maximum),
  ...binary('Min', tf.minimum),
  ...binary('PRelu', tf.prelu).filter(({ operands: [x] }) => x!.dims.join() === '2,3,4'),
  ...binary('Where', tf.add).map((choice): OperatorCase => ({
    ...choice,
    build: (graph, a, b) => graph.op('Where', [graph.op('Greater', [graph.op('Add', [a, b]), graph.float(0)]), a, b]),
  })),
];

describe('arithmetic', () => {
  it.each(cases)('$name agrees with TensorFlow.js', async (testCase) => {
    expect(await differenceFromTensorFlow(testCase)).toBeLessThan(1e-5);
  });

  it.each([unary('Erf', tf.erf), ...chosen])('$name agrees with finite differences', async (testCase) => {
    expect(await differenceFromFiniteDifferences(testCase, 1, 1e-3)).toBeLessThan(1e-3);
  });
});
