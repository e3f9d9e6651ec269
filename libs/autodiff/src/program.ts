import {
  drawingOperators,
  inferShapes,
  inlineKnownBranches,
  loadSession,
  raiseOpset,
  runSession,
  type DataType,
  type Dim,
  type Model,
  type Node,
  type Tensor,
  type ValueInfo,
} from '@koinon/onnx';
import { AutodiffError } from './errors.js';
import { inputsOf, type NameScope } from './graph-writer.js';
import { lower, type LoweringOptions } from './lowering.js';

/** The part of a model that computes one value for a fixed batch, ready to be differentiated. */
export interface Program {
  readonly output: string;
  readonly batch: number;
  readonly features: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  /** Everything known when the graph is built, trainable parameters included. */
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly values: ReadonlyMap<string, { type: DataType; dims: number[] }>;
  readonly statistics: ReadonlyMap<string, string>;
}

export interface ProgramOptions extends LoweringOptions {
  output: string;
  batch: number;
  dims?: Readonly<Record<string, number>>;
}

/**
 * Cuts the model off after `output`, fixes the batch, folds what does not depend on data and lowers composites.
 * @throws AutodiffError AUTODIFF_OUTPUT_UNKNOWN
 * @throws OnnxError ONNX_UNSUPPORTED_VERSION, ONNX_OPEN_SHAPE, ONNX_SHAPE_INFERENCE
 */
export async function prepare(source: Model, names: NameScope, options: ProgramOptions): Promise<Program> {
  const { folded, shapes } = await foldAll(
    fixBatch(upTo(raiseOpset(source), options.output), options),
    options.variable,
  );
  const known = {
    shape: (name: string) => shapes.get(name)?.dims ?? [],
    type: (name: string) => shapes.get(name)?.type ?? 'float32',
    constant: (name: string) => (options.variable.has(name) ? undefined : folded.graph.initializers.get(name)),
  };
  const lowered = lower(folded.graph.nodes, known, names, options);
  const final: Model = {
    ...folded,
    graph: {
      ...folded.graph,
      nodes: lowered.nodes,
      initializers: new Map([...folded.graph.initializers, ...lowered.initializers]),
    },
  };
  return {
    output: options.output,
    batch: options.batch,
    features: final.graph.inputs,
    nodes: lowered.nodes,
    constants: final.graph.initializers,
    values: lowered.changed ? await inferShapes(final) : shapes,
    statistics: lowered.statistics,
  };
}

interface Folded {
  folded: Model;
  shapes: ReadonlyMap<string, { type: DataType; dims: number[] }>;
}

/** Folds what is known, which may decide an If, whose branch then holds more that is known. */
async function foldAll(model: Model, variable: ReadonlySet<string>): Promise<Folded> {
  const shapes = await inferShapes(model);
  const folded = await foldKnown(model, shapes, variable);
  const graph = inlineKnownBranches(folded.graph);
  return graph === folded.graph ? { folded, shapes } : foldAll({ ...folded, graph }, variable);
}

/** The model with `output` as its only output and nothing that does not lead to it. */
function upTo(model: Model, output: string): Model {
  const reached = new Set([output]);
  const nodes = model.graph.nodes
    .toReversed()
    .filter((node) => {
      if (!node.outputs.some((name) => reached.has(name))) return false;
      for (const name of inputsOf(node)) reached.add(name);
      return true;
    })
    .reverse();
  if (nodes.length === 0) {
    throw new AutodiffError(
      'AUTODIFF_OUTPUT_UNKNOWN',
      `No operator of the model computes "${output}". Name the value that holds the logits.`,
    );
  }
  const initializers = new Map([...model.graph.initializers].filter(([name]) => reached.has(name)));
  const inputs = model.graph.inputs.filter(({ name }) => reached.has(name) && !initializers.has(name));
  return {
    ...model,
    graph: { ...model.graph, inputs, initializers, nodes, outputs: [{ name: output }], valueInfo: [] },
  };
}

/** Where a first axis is open, it is the records', and every input has to have them; a model exported for one batch size takes another. */
function fixBatch(model: Model, { batch, dims: named }: ProgramOptions): Model {
  const isOpen = ({ dims }: ValueInfo): boolean => typeof dims?.[0] === 'string';
  const other = model.graph.inputs.find((input) => !isOpen(input));
  if (other !== undefined && model.graph.inputs.some(isOpen)) {
    throw new AutodiffError(
      'AUTODIFF_UNSUPPORTED',
      `The input "${other.name}" has no axis of records, which other inputs have. Make it an initializer, or export the model with that axis open in all inputs.`,
    );
  }
  const bound = (dim: Dim, axis: number): Dim =>
    axis === 0 ? batch : typeof dim === 'string' ? (named?.[dim] ?? dim) : dim;
  const inputs = model.graph.inputs.map((input) => ({ ...input, ...(input.dims && { dims: input.dims.map(bound) }) }));
  return { ...model, graph: { ...model.graph, inputs } };
}

/** Replaces operators whose result is the same for all data (shape arithmetic, Constant) by that result. */
async function foldKnown(
  model: Model,
  shapes: ReadonlyMap<string, { dims: number[] }>,
  variable: ReadonlySet<string>,
): Promise<Model> {
  const { graph } = model;
  const initializers = new Map(graph.initializers);
  const known = new Set([...initializers.keys()].filter((name) => !variable.has(name)));
  const foldable: Node[] = [];
  const rest = graph.nodes.filter((node) => {
    const shape = node.op === 'Shape' ? shapes.get(node.inputs[0] ?? '')?.dims : undefined;
    const constant = shape ? shapeTensor(node, shape) : node.op === 'Constant' ? constantTensor(node) : undefined;
    if (constant !== undefined) initializers.set(constant.name, constant);
    const computable =
      node.inputs.length > 0 &&
      !drawingOperators.has(node.op) &&
      inputsOf(node).every((name) => name === '' || known.has(name));
    if (constant === undefined && !computable) return true;
    if (constant === undefined) foldable.push(node);
    for (const name of node.outputs) known.add(name);
    return false;
  });
  const used = new Set([...rest.flatMap(inputsOf), ...graph.outputs.map(({ name }) => name)]);
  const wanted = foldable.flatMap((node) => node.outputs).filter((name) => used.has(name));
  for (const tensor of await evaluate(model, foldable, initializers, wanted)) initializers.set(tensor.name, tensor);
  return {
    ...model,
    graph: { ...graph, nodes: rest, initializers: new Map([...initializers].filter(([name]) => used.has(name))) },
  };
}

function shapeTensor(node: Node, shape: readonly number[]): Tensor {
  const bound = (name: string, otherwise: number) =>
    node.attributes[name]?.kind === 'int' ? node.attributes[name].value : otherwise;
  const picked = shape.slice(bound('start', 0), bound('end', shape.length));
  return {
    name: node.outputs[0] ?? '',
    type: 'int64',
    dims: [picked.length],
    data: BigInt64Array.from(picked, BigInt),
  };
}

function constantTensor(node: Node): Tensor | undefined {
  const name = node.outputs[0] ?? '';
  const [[key, attribute] = []] = Object.entries(node.attributes);
  if (attribute === undefined || key === undefined) return undefined;
  if (attribute.kind === 'tensor') return { ...attribute.value, name };
  if (attribute.kind === 'int')
    return { name, type: 'int64', dims: [], data: BigInt64Array.of(BigInt(attribute.value)) };
  if (attribute.kind === 'ints')
    return { name, type: 'int64', dims: [attribute.value.length], data: BigInt64Array.from(attribute.value, BigInt) };
  if (attribute.kind === 'float') return { name, type: 'float32', dims: [], data: Float32Array.of(attribute.value) };
  if (attribute.kind === 'floats')
    return { name, type: 'float32', dims: [attribute.value.length], data: Float32Array.from(attribute.value) };
  return undefined;
}

async function evaluate(
  model: Model,
  nodes: Node[],
  initializers: Map<string, Tensor>,
  wanted: readonly string[],
): Promise<Tensor[]> {
  if (wanted.length === 0) return [];
  const graph = {
    ...model.graph,
    nodes,
    initializers,
    inputs: [],
    outputs: wanted.map((name) => ({ name })),
    valueInfo: [],
  };
  const session = await loadSession({ ...model, graph }, 'basic');
  try {
    return Object.values(await runSession(session, {}));
  } finally {
    await session.release();
  }
}
