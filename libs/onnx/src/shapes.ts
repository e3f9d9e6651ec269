import type { InferenceSession } from 'onnxruntime-node';
import { OnnxError, quoted } from './error.js';
import type { DataType, Dim, Model, Node, ValueInfo } from './ir.js';
import { openSession } from './runtime.js';

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

/**
 * Element type and shape of every value of the main graph: inputs, initializers and all node outputs.
 * The runtime itself infers them, so they are the shapes that it will use, for every operator it knows.
 * @throws OnnxError ONNX_OPEN_SHAPE where a shape depends on data or stays open, ONNX_RUNTIME where the runtime refuses
 * the model
 */
export async function inferShapes(model: Model, bindings: DimBindings = {}): Promise<Map<string, ValueShape>> {
  const bound = bindDims(model, bindings);
  const { inputs, initializers, nodes } = bound.graph;
  const shapes = new Map<string, ValueShape>();
  for (const { name, type, dims } of inputs) if (type !== undefined) shapes.set(name, { type, dims: dims as number[] });
  for (const [name, { type, dims }] of initializers) shapes.set(name, { type, dims });
  const metadata = await outputsOf(bound, nodes, nodes.flatMap((node) => node.outputs).filter((name) => name !== ''));
  for (const value of metadata) if (value.isTensor) shapes.set(value.name, { type: typeOf(value), dims: closed(value) });
  await refuseUnknownRank(bound, metadata.filter((value) => value.isTensor && value.shape.length === 0));
  return shapes;
}

/** The runtime reports no dimensions both for a scalar and for an unknown rank; the shape of the value's shape tells them apart. */
async function refuseUnknownRank(model: Model, suspects: readonly InferenceSession.ValueMetadata[]): Promise<void> {
  if (suspects.length === 0) return;
  const probes = suspects.map(({ name }, index): Node => (
    { op: 'Shape', domain: '', name: '', inputs: [name], outputs: [`rank probe ${index}`], attributes: {} }
  ));
  const ranks = await outputsOf(model, [...model.graph.nodes, ...probes], probes.map((probe) => probe.outputs[0]!));
  ranks.forEach((rank, index) => {
    if (!rank.isTensor || rank.shape[0] !== 0) throw openShape(suspects[index]!.name);
  });
}

async function outputsOf(model: Model, nodes: Node[], names: readonly string[]): Promise<readonly InferenceSession.ValueMetadata[]> {
  const graph = { ...model.graph, nodes, valueInfo: [], outputs: names.map((name) => ({ name })) };
  // Constant folding, part of `basic`, is what resolves shapes that the graph computes from other shapes.
  const session = await openSession({ ...model, graph }, 'basic');
  try {
    return session.outputMetadata;
  } finally {
    await session.release();
  }
}

function boundDims({ name, dims }: ValueInfo, { batch, dims: named }: DimBindings): number[] {
  const place = `input ${quoted(name)}`;
  if (dims === undefined) throw new OnnxError('ONNX_OPEN_SHAPE', place, 'its rank is not stated');
  return dims.map((dim, axis) => {
    const size = sizeOf(dim, named) ?? (axis === 0 ? batch : undefined);
    if (size === undefined) throw new OnnxError('ONNX_OPEN_SHAPE', place, `axis ${axis}${typeof dim === 'string' ? ` (${quoted(dim)})` : ''} is open; give its size`);
    return size;
  });
}

function sizeOf(dim: Dim, named: DimBindings['dims']): number | undefined {
  if (typeof dim !== 'string') return dim;
  return named !== undefined && Object.hasOwn(named, dim) ? named[dim] : undefined;
}

function closed({ name, shape }: InferenceSession.TensorValueMetadata): number[] {
  return shape.map((dim) => {
    if (typeof dim === 'number' && dim >= 0) return dim;
    throw openShape(name);
  });
}

function typeOf({ name, type }: InferenceSession.TensorValueMetadata): DataType {
  if (type === 'int4' || type === 'uint4') throw new OnnxError('ONNX_UNSUPPORTED_TYPE', `value ${quoted(name)}`, '4-bit tensors are not supported');
  return type;
}

const openShape = (name: string): OnnxError =>
  new OnnxError('ONNX_OPEN_SHAPE', `value ${quoted(name)}`, 'its shape depends on data or on an open dimension');
