import { attribute } from '../attributes.js';
import { elementCount } from '../data-types.js';
import type { Graph, Node, Tensor } from '../ir.js';
import { constantsOf } from '../transforms/constants.js';

/** A node that will run on integers. */
export interface QuantizedNode {
  node: Node;
  /** Name of the value that its integer result gets: its own output, or that of the ReLU or Clip behind it. */
  result: string;
  /** Present for Conv, Gemm and MatMul with constant weights: the axis of their output channels. */
  weightAxis: number | undefined;
  /** Present for operators that only move integers: the value whose scale the result must have too. */
  scaleOf: string | undefined;
}

/** What to quantise: nodes in graph order, and the values that pass between them as uint8. */
export interface QuantizationPlan {
  nodes: Map<Node, QuantizedNode>;
  values: Set<string>;
}

/** Integer operators without weights: worth it only between others, where they save a conversion. */
const bridges = new Set(['Add', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'Flatten', 'Reshape']);
const movers = new Set(['MaxPool', 'Flatten', 'Reshape']);

/**
 * Chooses the patterns that the runtime fuses to integer kernels: weighted nodes, the bridges between them, and
 * results after their ReLU or Clip. A Conv has no integer kernel with a float result, so its result is always a
 * uint8 value; Gemm and MatMul give floats where nobody takes integers.
 */
export function planQuantization(graph: Graph): QuantizationPlan {
  const constants = constantsOf(graph);
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes)
    for (const name of node.inputs) {
      const known = readers.get(name);
      if (known) known.push(node);
      else readers.set(name, [node]);
    }
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const nodes = new Map<Node, QuantizedNode>();
  const integerResults = new Set<string>();
  for (const node of graph.nodes) {
    const weightAxis = weightAxisOf(node, constants);
    const isBridge =
      bridges.has(node.op) &&
      node.outputs.length === 1 &&
      !outputs.has(node.outputs[0]!) &&
      activationsOf(node).every((name) => integerResults.has(name));
    if (weightAxis === undefined && !isBridge) continue;
    const isMover = movers.has(node.op);
    const result = isMover ? node.outputs[0]! : resultOf(node, readers, outputs);
    nodes.set(node, { node, result, weightAxis, scaleOf: isMover ? node.inputs[0] : undefined });
    integerResults.add(result);
  }
  const values = new Set<string>();
  for (const { node, result, weightAxis } of nodes.values()) {
    for (const name of activationsOf(node)) values.add(name);
    if (weightAxis === undefined || node.op === 'Conv') values.add(result);
  }
  return { nodes, values };
}

/** The inputs that carry data, not weights or shapes. */
const activationsOf = (node: Node): string[] => (node.op === 'Add' ? node.inputs : node.inputs.slice(0, 1));

function weightAxisOf(node: Node, constants: ReadonlyMap<string, Tensor>): number | undefined {
  const weight = constants.get(node.inputs[1] ?? '');
  if (node.domain !== '' || weight?.type !== 'float32' || constants.has(node.inputs[0]!)) return undefined;
  if (node.op === 'MatMul') return weight.dims.length === 2 ? 1 : undefined;
  const axis = node.op === 'Conv' ? 0 : gemmAxis(node);
  const bias = constants.get(node.inputs[2] ?? '');
  const hasUsableBias =
    !node.inputs[2] ||
    (bias?.type === 'float32' && axis !== undefined && elementCount(bias.dims) === weight.dims[axis]);
  return hasUsableBias ? axis : undefined;
}

function gemmAxis(node: Node): number | undefined {
  if (node.op !== 'Gemm' || attribute(node, 'transA', 'int') === 1) return undefined;
  if ((attribute(node, 'alpha', 'float') ?? 1) !== 1 || (attribute(node, 'beta', 'float') ?? 1) !== 1) return undefined;
  return attribute(node, 'transB', 'int') === 1 ? 0 : 1;
}

/** The runtime drops a ReLU or Clip whose bounds the quantised range already has, if it alone reads the node. */
function resultOf(node: Node, readers: ReadonlyMap<string, readonly Node[]>, outputs: ReadonlySet<string>): string {
  const own = node.outputs[0]!;
  const [reader, ...others] = readers.get(own) ?? [];
  const isFused =
    reader !== undefined && others.length === 0 && !outputs.has(own) && (reader.op === 'Relu' || reader.op === 'Clip');
  return isFused ? reader.outputs[0]! : own;
}
