import { attribute, placeOf, type Model, type Node, type Tensor } from '@koinon/onnx';
import { AutodiffError } from './errors.js';

const oldest = 13;
/** What training graphs are written in; a newer source keeps its own. */
const target = 18;

const reductions = new Set(['ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceSumSquare']);

/**
 * The same model in opset 18 or later. From 13 on only two things changed for the operators we differentiate:
 * most reductions take their axes as an input, and Split without sizes states its number of outputs.
 */
export function raiseOpset(model: Model): Model {
  const version = model.opsets.get('') ?? 0;
  if (version < oldest) {
    throw new AutodiffError('AUTODIFF_OPSET', `The model uses opset ${version}; export it with opset ${oldest} or later.`);
  }
  if (version >= target) return model;
  const initializers = new Map(model.graph.initializers);
  const nodes = model.graph.nodes.map((node) => {
    if (node.domain !== '') return node;
    if (reductions.has(node.op)) return axesAsInput(node, initializers);
    if (node.op === 'Split' && node.inputs.length === 1) return { ...node, attributes: { ...node.attributes, num_outputs: { kind: 'int' as const, value: node.outputs.length } } };
    return node;
  });
  return { ...model, irVersion: Math.max(model.irVersion, 8), opsets: new Map(model.opsets).set('', target), graph: { ...model.graph, initializers, nodes } };
}

function axesAsInput(node: Node, initializers: Map<string, Tensor>): Node {
  const axes = attribute(node, 'axes', 'ints');
  if (axes === undefined) return node;
  const name = `${node.outputs[0] ?? ''}.axes`;
  if (initializers.has(name)) throw new AutodiffError('AUTODIFF_OPSET', `${placeOf(node)}: the name for its axes is taken; export the model with opset ${target}.`);
  initializers.set(name, { name, type: 'int64', dims: [axes.length], data: BigInt64Array.from(axes, BigInt) });
  const attributes = Object.fromEntries(Object.entries(node.attributes).filter(([key]) => key !== 'axes'));
  return { ...node, inputs: [...node.inputs, name], attributes };
}
