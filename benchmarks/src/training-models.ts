import { GraphBuilder, attr, elementCount, type Model } from '@koinon/onnx';

/** One network of the training benchmark, for any runtime that has the same layers. */
export interface Network {
  name: string;
  /** Shape of one record. */
  record: number[];
  /** Fully connected widths after the convolutions, the last one being the number of logits. */
  dense: number[];
  /** Channels of 3×3 convolutions, each followed by Relu and 2×2 maximum pooling. */
  channels: number[];
  loss: 'binary-cross-entropy' | 'cross-entropy';
}

export const networks: Network[] = [
  { name: 'MLP 30-64-1', record: [30], dense: [64, 1], channels: [], loss: 'binary-cross-entropy' },
  { name: 'MLP 784-256-128-10', record: [784], dense: [256, 128, 10], channels: [], loss: 'cross-entropy' },
  { name: 'CNN 28×28 8-16', record: [1, 28, 28], dense: [10], channels: [8, 16], loss: 'cross-entropy' },
];

export interface Parameter {
  name: string;
  dims: number[];
  data: Float32Array;
}

/** Uniform numbers from a linear congruential generator (Numerical Recipes), so that both runtimes start alike. */
export function numbers(count: number, seed: number, scale = 1): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return scale * ((2 * state) / 2 ** 32 - 1);
  });
}

/** Weights as PyTorch exports them: convolutions [out, in, 3, 3], matrices [out, in]. */
export function parametersOf({ record, channels, dense }: Network): Parameter[] {
  const parameters: Parameter[] = [];
  const add = (name: string, dims: number[], fanIn: number) => {
    parameters.push({ name, dims, data: numbers(elementCount(dims), parameters.length + 1, Math.sqrt(3 / fanIn)) });
  };
  let inputs = record[0] ?? 1;
  channels.forEach((outputs, layer) => {
    add(`conv${layer}.weight`, [outputs, inputs, 3, 3], inputs * 9);
    add(`conv${layer}.bias`, [outputs], inputs * 9);
    inputs = outputs;
  });
  let width = (inputs * elementCount(record.slice(1))) / 4 ** channels.length;
  dense.forEach((outputs, layer) => {
    add(`dense${layer}.weight`, [outputs, width], width);
    add(`dense${layer}.bias`, [outputs], width);
    width = outputs;
  });
  return parameters;
}

export function modelOf(network: Network): Model {
  const graph = new GraphBuilder(network.name);
  let value = graph.input('x', 'float32', ['batch', ...network.record]);
  for (const { name, dims, data } of parametersOf(network)) graph.initializer(name, 'float32', dims, data);
  network.channels.forEach((_, layer) => {
    const convolved = graph.op('Conv', [value, `conv${layer}.weight`, `conv${layer}.bias`], {
      pads: attr.ints([1, 1, 1, 1]),
    });
    value = graph.op('MaxPool', [graph.op('Relu', [convolved])], {
      kernel_shape: attr.ints([2, 2]),
      strides: attr.ints([2, 2]),
    });
  });
  if (network.record.length > 1) value = graph.op('Flatten', [value]);
  network.dense.forEach((_, layer) => {
    const output = graph.op('Gemm', [value, `dense${layer}.weight`, `dense${layer}.bias`], { transB: attr.int(1) });
    value =
      layer === network.dense.length - 1 ? graph.op('Identity', [output], {}, 'logits') : graph.op('Relu', [output]);
  });
  graph.output('logits');
  return graph.model();
}
