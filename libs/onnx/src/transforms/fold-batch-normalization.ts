import { attribute } from '../attributes.js';
import { GraphBuilder } from '../builder.js';
import { elementCount } from '../data-types.js';
import type { Graph, Node, Tensor } from '../ir.js';
import { constantsOf } from './constants.js';

/**
 * Merges each BatchNormalization that follows a Conv, and nothing else reads that Conv, into the Conv's weights:
 * W′ = W·γ/√(σ²+ε), b′ = (b−μ)·γ/√(σ²+ε) + β, per output channel. Quantisation needs it, because the runtime
 * itself merges them only in floating point.
 */
export function foldBatchNormalization(graph: Graph): Graph {
  const readers = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ name }) => name)]) {
    readers.set(name, (readers.get(name) ?? 0) + 1);
  }
  const constants = constantsOf(graph);
  const names = new GraphBuilder(graph.name, graph);
  const initializers = new Map(graph.initializers);
  const producers = new Map(graph.nodes.map((node) => [node.outputs[0], node]));
  const merged = new Map<Node, Node | undefined>();
  for (const normalization of graph.nodes) {
    const conv = producers.get(normalization.inputs[0]);
    if (normalization.op !== 'BatchNormalization' || conv?.op !== 'Conv' || readers.get(conv.outputs[0]!) !== 1)
      continue;
    const result = mergedConv(conv, normalization, constants, names);
    if (result === undefined) continue;
    for (const tensor of result.weights) initializers.set(tensor.name, tensor);
    merged.set(conv, undefined).set(normalization, result.node);
  }
  const nodes = graph.nodes.flatMap((node) => (merged.has(node) ? (merged.get(node) ?? []) : node));
  return { ...graph, nodes, initializers };
}

function mergedConv(
  conv: Node,
  normalization: Node,
  constants: ReadonlyMap<string, Tensor>,
  names: GraphBuilder,
): { node: Node; weights: Tensor[] } | undefined {
  const [weight, bias, gamma, beta, mean, variance] = [
    conv.inputs[1],
    conv.inputs[2],
    ...normalization.inputs.slice(1),
  ].map((name) => constants.get(name ?? '')?.data);
  const statistics = [gamma, beta, mean, variance];
  const isTraining =
    attribute(normalization, 'training_mode', 'int') === 1 || normalization.outputs.filter(Boolean).length > 1;
  if (isTraining || !(weight instanceof Float32Array) || !statistics.every((data) => data instanceof Float32Array))
    return undefined;
  if (conv.inputs[2] && !(bias instanceof Float32Array)) return undefined;
  const epsilon = attribute(normalization, 'epsilon', 'float') ?? 1e-5;
  const { dims } = constants.get(conv.inputs[1]!)!;
  const perChannel = elementCount(dims.slice(1));
  const [g, b, m, v] = statistics as Float32Array[];
  const factor = g!.map((scale, channel) => scale / Math.sqrt(v![channel]! + epsilon));
  const output = normalization.outputs[0]!;
  const tensor = (part: string, shape: number[], data: Float32Array): Tensor => ({
    name: names.unused(`${output}/${part}`),
    type: 'float32',
    dims: shape,
    data,
  });
  const weights = [
    tensor(
      'weight',
      dims,
      weight.map((value, index) => value * factor[Math.floor(index / perChannel)]!),
    ),
    tensor(
      'bias',
      [factor.length],
      factor.map(
        (scale, channel) => (((bias?.[channel] as number | undefined) ?? 0) - m![channel]!) * scale + b![channel]!,
      ),
    ),
  ];
  return {
    node: { ...conv, inputs: [conv.inputs[0]!, ...weights.map(({ name }) => name)], outputs: [output] },
    weights,
  };
}
