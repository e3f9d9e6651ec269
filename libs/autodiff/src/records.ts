import { placeOf, type Node } from '@koinon/onnx';
import { intOf, intsOf } from './attributes.js';
import { AutodiffError } from './errors.js';
import { inputsOf } from './graph-writer.js';
import { integerOperand } from './operands.js';
import type { Program } from './program.js';
import { reducedAxes } from './rules/reduction.js';
import { activationRules } from './rules/activation.js';
import { arithmeticRules } from './rules/arithmetic.js';
import { inputOf, outputOf, type Scope } from './rule.js';
import { positiveAxis, range } from './shape.js';

const elementwise = new Set([
  ...Object.keys(arithmeticRules),
  ...Object.keys(activationRules),
  'Identity',
  'Cast',
  'Dropout',
  'Equal',
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
  'And',
  'Or',
  'Not',
  'Sign',
  'Floor',
  'Ceil',
  'Round',
  'IsNaN',
  'IsInf',
]);

/**
 * Values that carry one block of their leading axis per record; all others are the same for every record.
 * The bound on what one record adds to the clipped sum holds only if no operator lets records influence each other,
 * so every operator that touches such a value is checked.
 * @throws AutodiffError AUTODIFF_RECORDS_MIXED
 */
export function recordValues(program: Program, trainable: ReadonlySet<string>): Set<string> {
  const carrying = new Set(program.features.map(({ name }) => name));
  const shape = (name: string) => program.values.get(name)?.dims ?? [];
  const steady = (name: string) => program.constants.has(name) && !trainable.has(name);
  for (const node of program.nodes) {
    const carried = node.inputs.map((name) => carrying.has(name));
    // what the graphs inside a node do with records is not looked into
    if (
      inputsOf(node)
        .slice(node.inputs.length)
        .some((name) => carrying.has(name))
    )
      throw mixed(node);
    const leads = shape(outputOf(node))[0];
    if (!carried.includes(true)) {
      const before = shape(inputOf(node, 0));
      const repeated =
        node.op === 'Expand' &&
        leads === program.batch &&
        (before.length < shape(outputOf(node)).length || before[0] === 1);
      if (repeated && program.batch > 1) carrying.add(outputOf(node));
      continue;
    }
    if (leads === undefined || leads % program.batch !== 0 || !keepsApart(program, node, { carried, shape, steady }))
      throw mixed(node);
    for (const name of node.outputs) if (name !== '') carrying.add(name);
  }
  return carrying;
}

function mixed(node: Node): AutodiffError {
  return new AutodiffError(
    'AUTODIFF_RECORDS_MIXED',
    `${placeOf(node)}: it is not certain that records stay apart here, and clipping bounds nothing where they do not. Keep the record axis first, or set clipping.microbatch to 1 to run every record alone.`,
  );
}

interface Operands {
  /** Which inputs of the node carry records. */
  carried: readonly boolean[];
  shape: (name: string) => readonly number[];
  /** Whether a value never changes. Such a value may differ from record to record: it tells none of another. */
  steady: (name: string) => boolean;
}

function keepsApart(program: Program, node: Node, operands: Operands): boolean {
  const { carried, shape, steady } = operands;
  const known = { shape, constant: (name: string) => program.constants.get(name) };
  const rank = shape(inputOf(node, 0)).length;
  const onlyFirst = carried[0] === true && !carried.slice(1).includes(true);
  const axisIsInner = (otherwise: number) => positiveAxis(intOf(node, 'axis', otherwise), rank) > 0;
  switch (node.op) {
    case 'Softmax':
    case 'LogSoftmax':
    case 'LayerNormalization':
      return onlyFirst && axisIsInner(-1);
    case 'Concat':
      return (
        axisIsInner(0) &&
        node.inputs.every(
          (name, input) => carried[input] === true || (steady(name) && shape(name)[0] === shape(outputOf(node))[0]),
        )
      );
    case 'Split':
      return onlyFirst && axisIsInner(0);
    case 'ReduceSum':
    case 'ReduceMean':
    case 'ReduceMax':
    case 'ReduceMin':
    case 'ReduceSumSquare':
    case 'ReduceL2':
      return onlyFirst && !reducedAxes(known, node).includes(0);
    case 'Reshape':
    case 'Flatten':
    case 'Squeeze':
    case 'Unsqueeze':
    case 'Conv':
    case 'ConvTranspose':
    case 'MaxPool':
    case 'AveragePool':
    case 'GlobalAveragePool':
      return onlyFirst;
    case 'Transpose':
      return intsOf(node, 'perm', [])[0] === 0;
    case 'Slice':
      return (
        onlyFirst && !(integerOperand(known, node, 3) ?? range(rank)).some((axis) => positiveAxis(axis, rank) === 0)
      );
    case 'Pad':
      return onlyFirst && leadingPadding(known, node, rank).every((amount) => amount === 0);
    case 'Expand':
      return (
        onlyFirst && shape(outputOf(node))[0] === shape(inputOf(node, 0))[0] && shape(outputOf(node)).length === rank
      );
    case 'Gather':
      return carried[0] === true ? onlyFirst && axisIsInner(0) : positiveAxis(intOf(node, 'axis', 0), rank) === 0;
    case 'Gemm':
      return (
        carried[0] === true &&
        carried[1] !== true &&
        intOf(node, 'transA', 0) === 0 &&
        alignedOperand(node, 2, operands)
      );
    case 'MatMul':
      return matMulKeepsApart(node, operands);
    default:
      return (
        elementwise.has(node.op) &&
        node.domain === '' &&
        node.inputs.every((name, input) => name === '' || alignedOperand(node, input, operands))
      );
  }
}

function leadingPadding(known: Pick<Scope, 'constant'>, node: Node, rank: number): number[] {
  const amounts = integerOperand(known, node, 1) ?? [];
  const axes = (integerOperand(known, node, 3) ?? range(rank)).map((axis) => positiveAxis(axis, rank));
  const first = axes.indexOf(0);
  return first < 0 ? [] : [amounts[first] ?? 0, amounts[first + axes.length] ?? 0];
}

/** Elementwise: a carrying operand is aligned with the output's leading axis, a shared one is repeated along it. */
function alignedOperand(node: Node, input: number, { carried, shape, steady }: Operands): boolean {
  const [own, out] = [shape(inputOf(node, input)), shape(outputOf(node))];
  const aligned = own.length === out.length && own[0] === out[0];
  if (carried[input] === true) return aligned;
  return own.length < out.length || own[0] === 1 || (aligned && steady(inputOf(node, input)));
}

/** The leading axis must be a row or batch axis of every carrying operand, never one that is summed. */
function matMulKeepsApart(node: Node, { carried, shape }: Operands): boolean {
  const [left, right, out] = [shape(inputOf(node, 0)), shape(inputOf(node, 1)), shape(outputOf(node))];
  const alone = carried[0] === true && carried[1] !== true;
  if (alone && left.length >= 2 && (right.length === 1 || (left.length === 2 && right.length === 2))) return true;
  const batched = (own: readonly number[]) => own.length >= 3 && own.length === out.length && own[0] === out[0];
  const repeated = (own: readonly number[]) => own.length < out.length || own[0] === 1;
  return (
    out.length >= 3 &&
    (carried[0] === true ? batched(left) : repeated(left)) &&
    (carried[1] === true ? batched(right) : repeated(right))
  );
}
