import { attr, attribute } from './attributes.js';
import { GraphBuilder } from './builder.js';
import { OnnxError } from './error.js';
import type { Graph, Model, Node, Tensor } from './ir.js';

const OLDEST = 13;
/** What we write; a newer source keeps its own. */
const TARGET = 18;
/** The IR version that opsets 15 to 18 are written with. */
const TARGET_IR = 8;

const reductions = new Set([
  'ReduceMean',
  'ReduceMax',
  'ReduceMin',
  'ReduceProd',
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSum',
  'ReduceLogSumExp',
  'ReduceSumSquare',
]);

/**
 * The same model in opset 18 or later. From 13 on three operators changed their meaning (https://onnx.ai/onnx/operators):
 * most reductions take their axes as an input (18), Split without sizes states its number of outputs (18), and the
 * default of RoiAlign is another (16).
 * @throws OnnxError ONNX_UNSUPPORTED_VERSION below opset 13
 */
export function raiseOpset(model: Model): Model {
  const version = model.opsets.get('') ?? 0;
  if (version < OLDEST) {
    throw new OnnxError(
      'ONNX_UNSUPPORTED_VERSION',
      'model',
      `it uses opset ${version}; export it with opset ${OLDEST} or later`,
    );
  }
  if (version >= TARGET) return model;
  return {
    ...model,
    irVersion: Math.max(model.irVersion, TARGET_IR),
    opsets: new Map(model.opsets).set('', TARGET),
    graph: raisedGraph(model.graph, { version, names: new GraphBuilder(model.graph.name, model.graph) }),
  };
}

/** The version to raise, and who gives names that are free in the whole model. */
interface Raising {
  version: number;
  names: GraphBuilder;
}

function raisedGraph(graph: Graph, raising: Raising): Graph {
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.map((node) =>
    raisedNode({ ...node, attributes: raisedBodies(node, raising) }, initializers, raising),
  );
  return { ...graph, initializers, nodes };
}

function raisedBodies({ attributes }: Node, raising: Raising): Node['attributes'] {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, attribute]) => [
      name,
      attribute.kind === 'graph' ? { ...attribute, value: raisedGraph(attribute.value, raising) } : attribute,
    ]),
  );
}

function raisedNode(node: Node, initializers: Map<string, Tensor>, { version, names }: Raising): Node {
  if (node.domain !== '') return node;
  if (reductions.has(node.op)) return axesAsInput(node, initializers, names);
  if (node.op === 'Split' && !node.inputs[1]) return withAttribute(node, 'num_outputs', attr.int(node.outputs.length));
  if (node.op === 'RoiAlign' && version < 16)
    return withAttribute(node, 'coordinate_transformation_mode', attr.string('output_half_pixel'));
  return node;
}

function axesAsInput(node: Node, initializers: Map<string, Tensor>, names: GraphBuilder): Node {
  const axes = attribute(node, 'axes', 'ints');
  if (axes === undefined) return node;
  const name = names.unused(`${node.outputs[0] ?? ''}.axes`);
  initializers.set(name, { name, type: 'int64', dims: [axes.length], data: BigInt64Array.from(axes, BigInt) });
  const attributes = Object.fromEntries(Object.entries(node.attributes).filter(([key]) => key !== 'axes'));
  return { ...node, inputs: [...node.inputs, name], attributes };
}

/** An attribute that the node already has stays. */
const withAttribute = (node: Node, name: string, value: Node['attributes'][string]): Node => ({
  ...node,
  attributes: { [name]: value, ...node.attributes },
});
