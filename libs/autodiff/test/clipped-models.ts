import { attr, type GraphBuilder } from '@koinon/onnx';
import type { RecordModel } from './record-models.js';

const image = [2, 5, 4];
const ints = attr.ints;

const elementwise = (
  op: string,
  shape: number[],
  build: (graph: GraphBuilder, x: string) => string,
  range: [number, number] = [0.5, 1.5],
): RecordModel => ({
  name: `${op} with a parameter of shape [${shape.join()}]`,
  record: [3, 4],
  parameters: { p: shape },
  range,
  width: 12,
  build,
});

export const normalization = (
  name: string,
  parameters: Record<string, number[]>,
  build: RecordModel['build'],
  extra: Partial<RecordModel> = {},
): RecordModel => ({
  name,
  record: image,
  parameters,
  width: 40,
  build,
  ...extra,
});

/** Every way in which a parameter may be used. */
export const clippedModels: RecordModel[] = [
  {
    name: 'Gemm',
    record: [5],
    parameters: { w: [5, 4], b: [4] },
    width: 4,
    build: (graph, x) => graph.op('Gemm', [x, 'w', 'b'], { alpha: attr.float(0.7), beta: attr.float(1.3) }),
  },
  {
    name: 'Gemm transposed',
    record: [5],
    parameters: { w: [4, 5], b: [1] },
    width: 4,
    build: (graph, x) => graph.op('Gemm', [x, 'w', 'b'], { transB: attr.int(1) }),
  },
  {
    name: 'Gemm with several rows per record',
    record: [3, 5],
    parameters: { w: [5, 4], b: [4] },
    width: 12,
    build: (graph, x) =>
      graph.op('Reshape', [
        graph.op('Gemm', [graph.op('Reshape', [x, graph.ints(-1, 5)]), 'w', 'b']),
        graph.ints(-1, 12),
      ]),
  },
  {
    name: 'MatMul',
    record: [5],
    parameters: { w: [5, 4], b: [4] },
    width: 4,
    build: (graph, x) => graph.op('Add', [graph.op('MatMul', [x, 'w']), 'b']),
  },
  {
    name: 'MatMul over tokens',
    record: [3, 5],
    parameters: { w: [5, 4], b: [4] },
    width: 12,
    build: (graph, x) => graph.op('Add', [graph.op('MatMul', [x, 'w']), 'b']),
  },
  {
    name: 'MatMul from the left',
    record: [3, 5],
    parameters: { w: [4, 3] },
    width: 20,
    build: (graph, x) => graph.op('MatMul', ['w', x]),
  },
  {
    name: 'MatMul per head',
    record: [2, 3, 5],
    parameters: { w: [2, 5, 4] },
    width: 24,
    build: (graph, x) => graph.op('MatMul', [x, 'w']),
  },
  {
    name: 'MatMul with a vector',
    record: [5],
    parameters: { w: [5] },
    width: 1,
    build: (graph, x) => graph.op('MatMul', [x, 'w']),
  },
  {
    name: 'MatMul of tokens with a vector',
    record: [3, 5],
    parameters: { w: [5] },
    width: 3,
    build: (graph, x) => graph.op('MatMul', [x, 'w']),
  },
  elementwise('Add', [4], (graph, x) => graph.op('Add', [x, 'p'])),
  elementwise('Sub', [3, 1], (graph, x) => graph.op('Sub', ['p', x])),
  elementwise('Mul', [1, 3, 4], (graph, x) => graph.op('Mul', [x, 'p'])),
  elementwise('Mul', [], (graph, x) => graph.op('Mul', [x, 'p'])),
  elementwise('Div', [1, 1], (graph, x) => graph.op('Div', [x, 'p'])),
  elementwise('Pow', [4], (graph, x) => graph.op('Pow', [graph.op('Exp', [x]), 'p'])),
  elementwise('Max', [4], (graph, x) => graph.op('Max', [x, 'p']), [-0.5, 0.5]),
  elementwise('PRelu', [3, 1], (graph, x) => graph.op('PRelu', [x, 'p'])),
  elementwise('Where', [4], (graph, x) => graph.op('Where', [graph.op('Greater', [x, graph.float(0)]), x, 'p'])),
  {
    name: 'norms per token',
    record: [3, 5],
    parameters: { w: [5, 4] },
    width: 3,
    build: (graph, x) => graph.op('ReduceL2', [graph.op('MatMul', [x, 'w']), graph.ints(2)], { keepdims: attr.int(0) }),
  },
  {
    name: 'maximum over tokens',
    record: [3, 5],
    parameters: { w: [5, 4] },
    width: 4,
    build: (graph, x) =>
      graph.op('ReduceMax', [graph.op('MatMul', [x, 'w']), graph.ints(1)], { keepdims: attr.int(0) }),
  },
  {
    name: 'Conv',
    record: image,
    parameters: { w: [3, 2, 3, 3], b: [3] },
    width: 60,
    build: (graph, x) => graph.op('Conv', [x, 'w', 'b'], { pads: ints([1, 1, 1, 1]) }),
  },
  {
    name: 'Conv grouped, strided, dilated',
    record: [4, 7, 7],
    parameters: { w: [6, 2, 2, 3], b: [6] },
    width: 54,
    build: (graph, x) =>
      graph.op('Conv', [x, 'w', 'b'], { group: attr.int(2), strides: ints([2, 1]), dilations: ints([2, 2]) }),
  },
  {
    name: 'Conv depthwise',
    record: image,
    parameters: { w: [2, 1, 3, 3] },
    width: 12,
    build: (graph, x) => graph.op('Conv', [x, 'w'], { group: attr.int(2) }),
  },
  {
    name: 'Conv over one axis',
    record: [2, 7],
    parameters: { w: [3, 2, 3], b: [3] },
    width: 15,
    build: (graph, x) => graph.op('Conv', [x, 'w', 'b']),
  },
  {
    name: 'ConvTranspose',
    record: image,
    parameters: { w: [2, 3, 2, 2], b: [3] },
    width: 240,
    build: (graph, x) => graph.op('ConvTranspose', [x, 'w', 'b'], { strides: ints([2, 2]) }),
  },
  normalization('BatchNormalization, frozen', { scale: [2], shift: [2] }, (graph, x) =>
    graph.op('BatchNormalization', [
      x,
      'scale',
      'shift',
      graph.constant('float32', [2], [0.1, -0.2]),
      graph.constant('float32', [2], [0.5, 1.5]),
    ]),
  ),
  normalization('LayerNormalization', { scale: [4], shift: [4] }, (graph, x) =>
    graph.op('LayerNormalization', [x, 'scale', 'shift']),
  ),
  normalization('InstanceNormalization', { scale: [2], shift: [2] }, (graph, x) =>
    graph.op('InstanceNormalization', [x, 'scale', 'shift']),
  ),
  normalization('GroupNormalization per group', { scale: [1], shift: [1] }, (graph, x) =>
    graph.op('GroupNormalization', [x, 'scale', 'shift'], { num_groups: attr.int(1) }),
  ),
  normalization(
    'GroupNormalization per channel',
    { scale: [2], shift: [2] },
    (graph, x) => graph.op('GroupNormalization', [x, 'scale', 'shift'], { num_groups: attr.int(1) }),
    { opset: 21 },
  ),
  {
    name: 'Gather of an embedding',
    record: [5],
    indices: 4,
    parameters: { table: [4, 3] },
    width: 15,
    build: (graph, x) => graph.op('Gather', ['table', x]),
  },
  {
    name: 'a class token expanded to every record',
    record: [2, 3],
    parameters: { token: [1, 1, 3], w: [3, 3] },
    width: 9,
    build: (graph, x) => {
      const shape = graph.op('Concat', [graph.op('Shape', [x], { end: attr.int(1) }), graph.ints(1, 3)], {
        axis: attr.int(0),
      });
      const tokens = graph.op('Concat', [graph.op('Expand', ['token', shape]), x], { axis: attr.int(1) });
      return graph.op('MatMul', [tokens, 'w']);
    },
  },
  {
    name: 'a class token that is not trained',
    record: [2, 3],
    parameters: { w: [3, 3] },
    width: 9,
    build: (graph, x) => {
      const shape = graph.op('Concat', [graph.op('Shape', [x], { end: attr.int(1) }), graph.ints(1, 3)], {
        axis: attr.int(0),
      });
      const token = graph.op('Expand', [graph.initializer('token', 'float32', [1, 1, 3], [0.5, -1, 2]), shape]);
      return graph.op('MatMul', [graph.op('Concat', [token, x], { axis: attr.int(1) }), 'w']);
    },
  },
  {
    name: 'one weight used twice',
    record: [4],
    parameters: { w: [4, 4] },
    width: 4,
    build: (graph, x) => graph.op('MatMul', [graph.op('Tanh', [graph.op('MatMul', [x, 'w'])]), 'w']),
  },
  {
    name: 'one weight used twice, once transposed',
    record: [4],
    parameters: { w: [4, 3] },
    width: 4,
    build: (graph, x) =>
      graph.op('MatMul', [graph.op('Tanh', [graph.op('MatMul', [x, 'w'])]), graph.op('Transpose', ['w'])]),
  },
  {
    name: 'a weight behind Reshape and Transpose',
    record: [4],
    parameters: { w: [6, 2] },
    width: 3,
    build: (graph, x) => graph.op('MatMul', [x, graph.op('Transpose', [graph.op('Reshape', ['w', graph.ints(3, 4)])])]),
  },
  {
    name: 'a weight that is scaled first, without a per-record rule',
    record: [4],
    parameters: { w: [4, 3] },
    width: 3,
    build: (graph, x) => graph.op('MatMul', [x, graph.op('Mul', ['w', graph.float(0.5)])]),
  },
  {
    name: 'all of a small network',
    record: image,
    parameters: { w: [3, 2, 3, 3], b: [3], scale: [3], shift: [3], fc: [6, 5], fcb: [5] },
    width: 5,
    build: (graph, x) => {
      const features = graph.op('Relu', [
        graph.op('InstanceNormalization', [
          graph.op('Conv', [x, 'w', 'b'], { pads: ints([1, 1, 1, 1]) }),
          'scale',
          'shift',
        ]),
      ]);
      const pooled = graph.op('MaxPool', [features], { kernel_shape: ints([3, 2]), strides: ints([3, 2]) });
      return graph.op('Sigmoid', [graph.op('Gemm', [graph.op('Flatten', [pooled]), 'fc', 'fcb'])]);
    },
  },
];
