import { referencesOf } from '../check-graph.js';
import type { Model, Node, Tensor } from '../ir.js';
import { constantNodes, evaluateConstants } from './evaluate-constants.js';
import { pruneDeadNodes } from './prune.js';

/** A folded value may be this much larger than what it was computed from. */
const GROWTH_LIMIT_BYTES = 2 ** 20;

/**
 * Replaces every node whose inputs are all constant by its result, computed by the runtime itself, and drops
 * what is dead afterwards. What would take long to compute stays for the runtime.
 * @throws OnnxError ONNX_RUNTIME where the runtime cannot compute a constant
 */
export async function foldConstants(model: Model): Promise<Model> {
  const constant = constantNodes(model.graph);
  const results = await storableResults(model, constant);
  const folded = new Set(constant.filter(({ outputs }) => outputs.every((name) => name === '' || results.has(name))));
  const initializers = new Map([
    ...model.graph.initializers,
    ...[...folded].flatMap(({ outputs }) => outputs.filter(Boolean).map((name) => [name, results.get(name)!] as const)),
  ]);
  const nodes = model.graph.nodes.filter((node) => !folded.has(node));
  return { ...model, graph: pruneDeadNodes({ ...model.graph, nodes, initializers }) };
}

/** Results that are small enough to store. */
async function storableResults(model: Model, constant: readonly Node[]): Promise<Map<string, Tensor>> {
  const { values: results } = await evaluateConstants(model, constant);
  const sizeOf = (name: string): number => byteLength((results.get(name) ?? model.graph.initializers.get(name))?.data);
  return new Map(
    constant.flatMap((node) => {
      const source =
        node.op === 'Constant' ? Infinity : referencesOf(node).reduce((total, name) => total + sizeOf(name), 0);
      return node.outputs
        .filter((name) => results.has(name) && sizeOf(name) <= source + GROWTH_LIMIT_BYTES)
        .map((name) => [name, results.get(name)!] as const);
    }),
  );
}

const byteLength = (data: Tensor['data'] | undefined): number =>
  data === undefined || Array.isArray(data) ? 0 : data.byteLength;
