import { referencesOf } from '../check-graph.js';
import { elementCount } from '../data-types.js';
import type { Graph, Model, Node, Tensor } from '../ir.js';
import { reportedShapes } from '../reported-shapes.js';
import { createSession, runSession } from '../runtime.js';
import { elementsOf, workOf } from './constant-work.js';
import { constantsOf } from './constants.js';
import { drawingOperators } from './drawing.js';
import { pruneDeadNodes } from './prune.js';

/** Folding them would undo a compression. */
const compressing = new Set(['QuantizeLinear', 'DequantizeLinear']);

// Elements that constants may touch: within a second, and eight times each that the file brings along (Cast, Transpose …).
const BASE_WORK = 2 ** 24;
const TOUCHES_PER_ELEMENT = 8;
/** Each round opens sessions, at 10 to 100 µs a node: 500 nodes get forty rounds, 10,000 get two. */
export const NODES_TO_OPEN = 20_000;

/** The nodes that depend on nothing but constants, in graph order. */
export function constantNodes(graph: Graph): Node[] {
  const known = new Set(constantsOf(graph).keys());
  return graph.nodes.filter((node) => {
    const isOpen =
      Object.values(node.attributes).some(({ kind }) => kind === 'graph') ||
      drawingOperators.has(node.op) ||
      compressing.has(node.op);
    if (isOpen || !referencesOf(node).every((name) => known.has(name))) return false;
    for (const name of node.outputs) known.add(name);
    return true;
  });
}

export interface ConstantValues {
  values: Map<string, Tensor>;
  /** The first node that takes too much work; a small file can ask for hours. */
  costly: Node | undefined;
}

/**
 * Values of constant nodes, computed by the runtime once it has told how large they are. A node is left out, with all that
 * read it, where it takes too much work or makes more than `maxElements` elements, and where its result is a string or no
 * tensor.
 * @param nodes in graph order, reading nothing but the model's initializers and each other
 * @throws OnnxError ONNX_RUNTIME where the runtime cannot compute one
 */
export async function evaluateConstants(
  model: Model,
  nodes: readonly Node[],
  maxElements = Infinity,
): Promise<ConstantValues> {
  const values = new Map<string, Tensor>();
  const brought = [...model.graph.initializers.values()].reduce((sum, { dims }) => sum + elementCount(dims), 0);
  const budget: Budget = { work: BASE_WORK + TOUCHES_PER_ELEMENT * brought, maxElements, costly: undefined };
  let left = [...nodes];
  for (let opened = 0; left.length > 0 && opened < NODES_TO_OPEN; opened += left.length) {
    const source = alone(model, left, values);
    const affordable = await affordableNodes(source, budget);
    if (affordable.size === 0) break;
    for (const tensor of await results(alone(source, [...affordable]))) values.set(tensor.name, tensor);
    left = left.filter((node) => !affordable.has(node));
  }
  return { values, costly: budget.costly };
}

/** The nodes without the rest of their model; all they make are outputs. */
function alone(model: Model, nodes: Node[], values: ReadonlyMap<string, Tensor> = new Map()): Model {
  const outputs = nodes.flatMap(outputsOf).map((name) => ({ name }));
  const initializers = new Map([...model.graph.initializers, ...values]);
  return {
    ...model,
    graph: pruneDeadNodes({ ...model.graph, inputs: [], valueInfo: [], initializers, nodes, outputs }),
  };
}

interface Budget {
  work: number;
  readonly maxElements: number;
  costly: Node | undefined;
}

async function affordableNodes(model: Model, budget: Budget): Promise<Set<Node>> {
  const shapes = await reportedShapes(model);
  const dimsOf = (name: string): number[] | undefined => shapes.get(name)?.dims;
  const known = new Set(model.graph.initializers.keys());
  return new Set(
    model.graph.nodes.filter((node) => {
      const isReady =
        referencesOf(node).every((name) => known.has(name)) &&
        outputsOf(node).every((name) => isStorable(shapes.get(name)?.type));
      const work = isReady ? workOf(node, dimsOf) : undefined;
      if (work === undefined || outputsOf(node).some((name) => elementsOf(node, name, dimsOf)! > budget.maxElements))
        return false;
      if (work > budget.work) {
        budget.costly ??= node;
        return false;
      }
      budget.work -= work;
      for (const name of node.outputs) known.add(name);
      return true;
    }),
  );
}

async function results(model: Model): Promise<Tensor[]> {
  const session = await createSession(model, 'disabled');
  try {
    return Object.values(await runSession(session, {}));
  } finally {
    await session.release();
  }
}

const outputsOf = (node: Node): string[] => node.outputs.filter((name) => name !== '');

const isStorable = (type: string | undefined): boolean =>
  type !== undefined && !['string', 'int4', 'uint4'].includes(type);
