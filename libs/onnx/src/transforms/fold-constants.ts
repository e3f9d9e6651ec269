import { referencesOf } from '../check-graph.js';
import type { Graph, Model, Node, Tensor } from '../ir.js';
import { openSession, runSession } from '../runtime.js';
import { constantsOf } from './constants.js';
import { pruneDeadNodes } from './prune.js';

/** Their results differ from call to call, or their folding would undo a compression. */
const neverFolded = new Set([
  'RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike', 'Bernoulli', 'Multinomial',
  'QuantizeLinear', 'DequantizeLinear',
]);

/** A folded value may be this much larger than what it was computed from. */
const growthLimitBytes = 2 ** 20;

/**
 * Replaces every node whose inputs are all constant by its result, computed by the runtime itself, and drops
 * what is dead afterwards.
 * @throws OnnxError ONNX_RUNTIME where the runtime cannot compute a constant
 */
export async function foldConstants(model: Model): Promise<Model> {
  const constant = constantNodes(model.graph);
  if (constant.size === 0) return { ...model, graph: pruneDeadNodes(model.graph) };
  const results = await evaluate(model, constant);
  const isFolded = (node: Node): boolean => constant.has(node) && node.outputs.every((name) => name === '' || results.has(name));
  const initializers = new Map(model.graph.initializers);
  for (const name of model.graph.nodes.filter(isFolded).flatMap(({ outputs }) => outputs)) {
    if (name !== '') initializers.set(name, results.get(name)!);
  }
  const nodes = model.graph.nodes.filter((node) => !isFolded(node));
  return { ...model, graph: pruneDeadNodes({ ...model.graph, nodes, initializers }) };
}

function constantNodes(graph: Graph): Set<Node> {
  const known = new Set(constantsOf(graph).keys());
  const constant = new Set<Node>();
  for (const node of graph.nodes) {
    const isOpen = Object.values(node.attributes).some(({ kind }) => kind === 'graph') || neverFolded.has(node.op);
    if (isOpen || !referencesOf(node).every((name) => known.has(name))) continue;
    constant.add(node);
    for (const name of node.outputs) known.add(name);
  }
  return constant;
}

/** Results of the constant nodes that are small enough to store. Strings and sequences are left alone. */
async function evaluate(model: Model, constant: ReadonlySet<Node>): Promise<Map<string, Tensor>> {
  const nodes = [...constant];
  const names = nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== '');
  const session = await openSession({
    ...model,
    graph: pruneDeadNodes({ ...model.graph, inputs: [], valueInfo: [], nodes, outputs: names.map((name) => ({ name })) }),
  }, 'disabled');
  try {
    const stored = session.outputMetadata.filter((value) => value.isTensor && value.type !== 'string').map(({ name }) => name);
    const results = await runSession(session, {}, stored);
    const sizes = new Map([...model.graph.initializers, ...Object.entries(results)].map(([name, { data }]) => [name, byteLength(data)]));
    return new Map(Object.entries(results).filter(([name]) => {
      const node = nodes.find(({ outputs }) => outputs.includes(name))!;
      const source = node.op === 'Constant' ? Infinity : referencesOf(node).reduce((total, input) => total + (sizes.get(input) ?? 0), 0);
      return sizes.get(name)! <= source + growthLimitBytes;
    }));
  } finally {
    await session.release();
  }
}

const byteLength = (data: Tensor['data']): number => (Array.isArray(data) ? 0 : data.byteLength);
