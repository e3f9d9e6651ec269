import type { Node, Tensor } from '@koinon/onnx';
import { floatOf, intOf, intsOf, stringOf } from './attributes.js';
import { unsupported } from './errors.js';
import { GraphWriter, type NameScope } from './graph-writer.js';
import { integerOperand } from './operands.js';
import { inputOf, outputOf, type Scope } from './rule.js';
import { extentOf, positiveAxis, range, sizeOf } from './shape.js';

export interface Lowered {
  nodes: Node[];
  initializers: Map<string, Tensor>;
  /** Whether any node was rewritten. */
  changed: boolean;
  /** Running statistics of batch normalisation: initializer → value that replaces it after the step. */
  statistics: Map<string, string>;
}

export interface LoweringOptions {
  batchNormalization: 'frozen' | 'training';
  /** Initializers which are going to change and must therefore not be folded. */
  variable: ReadonlySet<string>;
  /** Whether records have to stay along the leading axis of every value, as per-record gradients need them. */
  recordsLead: boolean;
}

type Known = Pick<Scope, 'shape' | 'type' | 'constant'>;
type Lowering = (
  writer: GraphWriter,
  node: Node,
  known: Known,
  lowered: Lowered,
  options: LoweringOptions,
) => string | undefined;

/** x̂ over the trailing axes from `axis` on, with the outputs its gradient needs; see `rules/normalization.ts`. */
function standardize(
  writer: GraphWriter,
  x: string,
  shape: readonly number[],
  axis: number,
  epsilon: number,
): [string, string, string] {
  const trailing = shape.slice(axis);
  const ones = writer.floats(Array<number>(sizeOf(trailing)).fill(1), trailing);
  return writer.multi('LayerNormalization', [x, ones], 3, { axis, epsilon: { float: epsilon } }) as [
    string,
    string,
    string,
  ];
}

/** Per-channel scale and shift; the parameters keep their place in the graph, so they can be trained. */
function affine(writer: GraphWriter, x: string, scale: string, shift: string, shape: readonly number[]): string {
  const scaled = writer.op('Mul', [x, writer.reshape(scale, shape)]);
  return shift === '' ? scaled : writer.op('Add', [scaled, writer.reshape(shift, shape)]);
}

function channelShape(shape: readonly number[]): number[] {
  return [extentOf(shape, 1), ...shape.slice(2).map(() => 1)];
}

function lowerLayerNormalization(writer: GraphWriter, node: Node, known: Known): string {
  if (node.outputs.slice(1).some((name) => name !== '')) {
    throw unsupported(
      node,
      'its Mean and InvStdDev outputs are used',
      'Export the model with the normalised output only',
    );
  }
  const shape = known.shape(inputOf(node, 0));
  const axis = positiveAxis(intOf(node, 'axis', -1), shape.length);
  const [standard] = standardize(writer, inputOf(node, 0), shape, axis, floatOf(node, 'epsilon', 1e-5));
  const scaled = writer.op('Mul', [standard, inputOf(node, 1)]);
  return inputOf(node, 2) === '' ? scaled : writer.op('Add', [scaled, inputOf(node, 2)]);
}

function lowerGrouped(writer: GraphWriter, node: Node, known: Known, groups: number): string {
  const shape = known.shape(inputOf(node, 0));
  const grouped = [extentOf(shape, 0), groups, sizeOf(shape) / (extentOf(shape, 0) * groups)];
  const [standard] = standardize(
    writer,
    writer.reshape(inputOf(node, 0), grouped),
    grouped,
    2,
    floatOf(node, 'epsilon', 1e-5),
  );
  const [scale, shift] = [inputOf(node, 1), inputOf(node, 2)];
  // opset 18 to 20 gave one scale per group; since 21 there is one per channel
  if (sizeOf(known.shape(scale)) === groups && groups !== extentOf(shape, 1)) {
    return writer.reshape(affine(writer, standard, scale, shift, [groups, 1]), shape);
  }
  return affine(writer, writer.reshape(standard, shape), scale, shift, channelShape(shape));
}

function lowerFrozen(writer: GraphWriter, node: Node, known: Known): string {
  const shape = channelShape(known.shape(inputOf(node, 0)));
  const [mean, variance] = [writer.reshape(inputOf(node, 3), shape), inputOf(node, 4)];
  const deviation = writer.op('Sqrt', [writer.op('Add', [variance, writer.float(floatOf(node, 'epsilon', 1e-5))])]);
  const centred = writer.op('Sub', [inputOf(node, 0), mean]);
  const standard = writer.op('Mul', [centred, writer.reshape(writer.op('Reciprocal', [deviation]), shape)]);
  return affine(writer, standard, inputOf(node, 1), inputOf(node, 2), shape);
}

/** Statistics over records and positions; the running ones follow with the node's momentum. */
function lowerBatchStatistics(writer: GraphWriter, node: Node, known: Known, lowered: Lowered): string {
  const shape = known.shape(inputOf(node, 0));
  const channels = extentOf(shape, 1);
  const swap = { perm: [1, 0, ...range(shape.length - 2, 2)] };
  const first = [channels, extentOf(shape, 0), ...shape.slice(2)];
  const flat = [channels, sizeOf(shape) / channels];
  const epsilon = floatOf(node, 'epsilon', 1e-5);
  const columns = writer.reshape(writer.op('Transpose', [inputOf(node, 0)], swap), flat);
  const [standard, mean, inverse] = standardize(writer, columns, flat, 1, epsilon);
  const variance = writer.op('Sub', [
    writer.op('Reciprocal', [writer.op('Mul', [inverse, inverse])]),
    writer.float(epsilon),
  ]);
  const momentum = floatOf(node, 'momentum', 0.9);
  [mean, variance].forEach((current, index) => {
    const running = inputOf(node, 3 + index);
    const old = writer.op('Mul', [running, writer.float(momentum)]);
    const fresh = writer.op('Mul', [writer.reshape(current, [channels]), writer.float(1 - momentum)]);
    lowered.statistics.set(running, writer.op('Add', [old, fresh]));
  });
  const back = writer.op('Transpose', [writer.reshape(standard, first)], swap);
  return affine(writer, back, inputOf(node, 1), inputOf(node, 2), channelShape(shape));
}

/**
 * X·Vᵀ + c as (V·Xᵀ + cᵀ)ᵀ. The runtime copies the right operand of a product into blocks; it does so once for a constant,
 * but in every run for a weight that is trained. Turning a small batch instead moves fewer numbers.
 */
function lowerDense(
  writer: GraphWriter,
  node: Node,
  known: Known,
  { variable, recordsLead }: LoweringOptions,
): string | undefined {
  const [x, weight, shift] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)];
  if (recordsLead || !variable.has(weight) || intOf(node, 'transB', 0) === 0 || intOf(node, 'transA', 0) === 1)
    return undefined;
  const [rows, [outputs = 0, inputs = 0]] = [extentOf(known.shape(x), 0), known.shape(weight)];
  if (rows * (inputs + outputs) >= inputs * outputs || (shift !== '' && sizeOf(known.shape(shift)) !== outputs))
    return undefined;
  const column = shift === '' ? [] : [writer.reshape(shift, [outputs, 1])];
  const turned = writer.op('Gemm', [weight, x, ...column], {
    transB: 1,
    alpha: { float: floatOf(node, 'alpha', 1) },
    beta: { float: floatOf(node, 'beta', 1) },
  });
  return writer.op('Transpose', [turned], { perm: [1, 0] });
}

/**
 * Clamps an index that depends on data to the table: out of it, the run would fail, and whether a run fails is told without
 * any noise.
 */
function lowerGather(
  writer: GraphWriter,
  node: Node,
  known: Known,
  { recordsLead }: LoweringOptions,
): string | undefined {
  const [table, index] = [inputOf(node, 0), inputOf(node, 1)];
  if (!recordsLead || known.constant(index) !== undefined) return undefined;
  const axis = intOf(node, 'axis', 0);
  const extent = extentOf(known.shape(table), positiveAxis(axis, known.shape(table).length));
  const above = writer.op('Max', [writer.cast(index, 'int64'), writer.int(-extent)]);
  return writer.op('Gather', [table, writer.op('Min', [above, writer.int(extent - 1)])], { axis });
}

/** Changes nothing, but refuses whole numbers divided by what depends on data: a run fails where that is 0, as `lowerGather` says. */
function checkDivisor(node: Node, known: Known, { recordsLead }: LoweringOptions): undefined {
  const divisor = inputOf(node, 1);
  if (!recordsLead || known.type(divisor).includes('float')) return;
  if (known.constant(divisor) === undefined)
    throw unsupported(
      node,
      'with clipping, whole numbers are divided by constants only',
      'Divide floating-point numbers',
    );
}

/** Changes nothing, but refuses where the runtime infers no output shape, or another than it computes. */
function checkTransposed(node: Node, known: Known): undefined {
  const extents = known.shape(inputOf(node, 0)).slice(2);
  if (intsOf(node, 'output_shape', []).some((extent, axis) => extent < extentOf(extents, axis))) {
    throw unsupported(
      node,
      'output_shape is smaller than the input, which leaves its shape open',
      'Give pads instead of output_shape',
    );
  }
  if (
    stringOf(node, 'auto_pad', 'NOTSET').startsWith('SAME') &&
    intsOf(node, 'output_padding', []).some((amount) => amount !== 0)
  ) {
    throw unsupported(node, 'auto_pad and output_padding contradict each other', 'Give pads instead of auto_pad');
  }
}

const lowerings: Record<string, Lowering> = {
  Gemm: (writer, node, known, _, options) => lowerDense(writer, node, known, options),
  Gather: (writer, node, known, _, options) => lowerGather(writer, node, known, options),
  Div: (_, node, known, _lowered, options) => checkDivisor(node, known, options),
  Mod: (_, node, known, _lowered, options) => checkDivisor(node, known, options),
  ConvTranspose: (_, node, known) => checkTransposed(node, known),
  LayerNormalization: lowerLayerNormalization,
  GroupNormalization: (writer, node, known) => lowerGrouped(writer, node, known, intOf(node, 'num_groups', 1)),
  InstanceNormalization: (writer, node, known) =>
    lowerGrouped(writer, node, known, extentOf(known.shape(inputOf(node, 0)), 1)),
  BatchNormalization: (writer, node, known, lowered, options) =>
    options.batchNormalization === 'training' || intOf(node, 'training_mode', 0) === 1
      ? lowerBatchStatistics(writer, node, known, lowered)
      : lowerFrozen(writer, node, known),
};

/** Adds the output the gradient rule reads: where a maximum was found, row-major, and what Dropout kept. */
function withAuxiliaryOutput(node: Node, known: Known, names: NameScope): Node {
  const dropping = node.op === 'Dropout' && inputOf(node, 2) !== '' && integerOperand(known, node, 2)?.[0] === 1;
  if (node.op !== 'MaxPool' && !dropping) return node;
  const { storage_order: order, ...attributes } = node.attributes;
  if (outputOf(node, 1) === '')
    return { ...node, attributes, outputs: [outputOf(node), names.fresh(`${node.op}.auxiliary`)] };
  if (node.op === 'MaxPool' && order?.kind === 'int' && order.value === 1)
    throw unsupported(
      node,
      'its Indices output is used in column-major order',
      'Export the model with storage_order 0',
    );
  return node;
}

/** Rewrites composite operators into those that have gradient rules; everything else is passed on. */
export function lower(nodes: readonly Node[], known: Known, names: NameScope, options: LoweringOptions): Lowered {
  const lowered: Lowered = { nodes: [], initializers: new Map(), changed: false, statistics: new Map() };
  for (const node of nodes) {
    const writer = new GraphWriter(names);
    const result = node.domain === '' ? lowerings[node.op]?.(writer, node, known, lowered, options) : undefined;
    if (result === undefined) {
      const passed = withAuxiliaryOutput(node, known, names);
      lowered.changed ||= passed !== node;
      lowered.nodes.push(passed);
      continue;
    }
    lowered.changed = true;
    for (const made of writer.nodes)
      lowered.nodes.push({ ...made, outputs: made.outputs.map((name) => (name === result ? outputOf(node) : name)) });
    for (const [name, tensor] of writer.initializers) lowered.initializers.set(name, tensor);
  }
  return lowered;
}
