import { attribute } from './attributes.js';
import { elementCount } from './data-types.js';
import { OnnxError, quoted } from './error.js';
import type { DataType, Dim, Graph, Model, Node, Tensor, ValueInfo } from './ir.js';
import { reportedShapes } from './reported-shapes.js';
import type { ReportedShape } from './reported-shapes.js';
import { constantNodes, evaluateConstants, NODES_TO_OPEN } from './transforms/evaluate-constants.js';
import { inlineKnownBranches } from './transforms/inline-branches.js';

export interface ValueShape {
  type: DataType;
  dims: number[];
}

/** Sizes for dimensions that a model leaves open. */
export interface DimBindings {
  /** Size of the first axis of every input whose first axis is open. */
  batch?: number;
  /** Sizes by name, for example `{ sequence: 128 }`; they win over `batch`. */
  dims?: Readonly<Record<string, number>>;
}

/** The model with the open dimensions of its inputs fixed. @throws OnnxError ONNX_OPEN_SHAPE names the first one left */
export function bindDims(model: Model, bindings: DimBindings = {}): Model {
  const inputs = model.graph.inputs.map((input) => ({ ...input, dims: boundDims(input, bindings) }));
  return { ...model, graph: { ...model.graph, inputs } };
}

/** Shapes that a graph computes are short lists; longer constants decide no shape. */
const MAX_SIZES = 2 ** 12;

/**
 * Element type and shape of every value of the main graph: inputs, initializers and all node outputs.
 * The runtime itself infers them, so they are the shapes that it will use, for every operator it knows. Where it needs the
 * result of shape arithmetic for that, small constants are computed, and nothing else. Values of a branch that is certain to
 * be taken are among them.
 * @throws OnnxError ONNX_OPEN_SHAPE where a shape depends on data or stays open, ONNX_RUNTIME where the runtime refuses
 * the model
 */
export async function inferShapes(model: Model, bindings: DimBindings = {}): Promise<Map<string, ValueShape>> {
  let bound = bindDims(model, bindings);
  const inputs = bound.graph.inputs.flatMap(({ name, type, dims }) =>
    type ? [[name, { type, dims: dims as number[] }] as const] : [],
  );
  for (let opened = 0; ; opened += bound.graph.nodes.length) {
    const shapes = new Map<string, ReportedShape>([...inputs, ...(await reportedShapes(bound))]);
    const open = [...shapes.keys()].find((name) => shapes.get(name)!.dims === undefined);
    if (open === undefined) return new Map(Array.from(shapes, ([name, shape]) => [name, supported(name, shape)]));
    const next = opened < NODES_TO_OPEN ? await simplified(bound, shapes) : bound.graph;
    if (next === bound.graph) throw openShape(open);
    bound = { ...bound, graph: next };
  }
}

/** The graph with its known sizes, and small values that depend on nothing else, as initializers; the same object where nothing is new. */
async function simplified(model: Model, shapes: ReadonlyMap<string, ReportedShape>): Promise<Graph> {
  const sizes = model.graph.nodes.flatMap((node) => sizeTensor(node, shapes.get(node.inputs[0] ?? '')?.dims) ?? []);
  const sized = withValues(model.graph, new Map(sizes.map((tensor) => [tensor.name, tensor])));
  const { values } = await evaluateConstants({ ...model, graph: sized }, constantNodes(sized), MAX_SIZES);
  return inlineKnownBranches(withValues(sized, values));
}

function withValues(graph: Graph, values: ReadonlyMap<string, Tensor>): Graph {
  if (values.size === 0) return graph;
  const nodes = graph.nodes.filter(({ outputs }) => !outputs.every((name) => name === '' || values.has(name)));
  return { ...graph, nodes, initializers: new Map([...graph.initializers, ...values]) };
}

/** What Shape or Size gives for a value of these dimensions. */
function sizeTensor(node: Node, dims: readonly number[] | undefined): Tensor | undefined {
  if (dims === undefined || node.domain !== '' || (node.op !== 'Shape' && node.op !== 'Size')) return undefined;
  const picked =
    node.op === 'Size'
      ? [elementCount(dims)]
      : dims.slice(attribute(node, 'start', 'int') ?? 0, attribute(node, 'end', 'int'));
  return {
    name: node.outputs[0] ?? '',
    type: 'int64',
    dims: node.op === 'Size' ? [] : [picked.length],
    data: BigInt64Array.from(picked, BigInt),
  };
}

function boundDims({ name, dims }: ValueInfo, { batch, dims: named }: DimBindings): number[] {
  const place = `input ${quoted(name)}`;
  if (dims === undefined) throw new OnnxError('ONNX_OPEN_SHAPE', place, 'its rank is not stated');
  return dims.map((dim, axis) => {
    const size = sizeOf(dim, named) ?? (axis === 0 ? batch : undefined);
    if (size === undefined)
      throw new OnnxError(
        'ONNX_OPEN_SHAPE',
        place,
        `axis ${axis}${typeof dim === 'string' ? ` (${quoted(dim)})` : ''} is open; give its size`,
      );
    return size;
  });
}

function sizeOf(dim: Dim, named: DimBindings['dims']): number | undefined {
  if (typeof dim !== 'string') return dim;
  return named !== undefined && Object.hasOwn(named, dim) ? named[dim] : undefined;
}

function supported(name: string, { type, dims }: ReportedShape): ValueShape {
  if (type === 'int4' || type === 'uint4')
    throw new OnnxError(
      'ONNX_UNSUPPORTED_TYPE',
      `value ${quoted(name)}`,
      `element type ${type.toUpperCase()} is not supported; export the model with int8 or float32`,
    );
  return { type, dims: dims! };
}

const openShape = (name: string): OnnxError =>
  new OnnxError(
    'ONNX_OPEN_SHAPE',
    `value ${quoted(name)}`,
    'its shape depends on data or on an open dimension; fix the dimensions of the inputs or export the model without it',
  );
