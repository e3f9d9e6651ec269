import { attribute } from '../attributes.js';
import { elementCount } from '../data-types.js';
import type { Node } from '../ir.js';

/** Operators that touch each element that they read or write a few times at most. */
const linear = new Set([
  'Constant',
  'ConstantOfShape',
  'Range',
  'EyeLike',
  'Shape',
  'Size',
  'Identity',
  'Dropout',
  'Cast',
  'CastLike',
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Transpose',
  'DepthToSpace',
  'SpaceToDepth',
  'Concat',
  'Split',
  'Slice',
  'Gather',
  'GatherElements',
  'GatherND',
  'ScatterElements',
  'ScatterND',
  'Expand',
  'Tile',
  'Pad',
  'Trilu',
  'OneHot',
  'Where',
  'NonZero',
  'Compress',
  'Resize',
  'QuantizeLinear',
  'DequantizeLinear',
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Mod',
  'Pow',
  'Sqrt',
  'Neg',
  'Abs',
  'Sign',
  'Exp',
  'Log',
  'Sin',
  'Cos',
  'Reciprocal',
  'Floor',
  'Ceil',
  'Round',
  'Min',
  'Max',
  'Sum',
  'Mean',
  'Equal',
  'Less',
  'LessOrEqual',
  'Greater',
  'GreaterOrEqual',
  'And',
  'Or',
  'Xor',
  'Not',
  'IsNaN',
  'IsInf',
  'Clip',
  'Relu',
  'LeakyRelu',
  'PRelu',
  'Elu',
  'Selu',
  'Gelu',
  'HardSigmoid',
  'HardSwish',
  'Mish',
  'Softplus',
  'Sigmoid',
  'Tanh',
  'Erf',
  'Softmax',
  'LogSoftmax',
  'LayerNormalization',
  'BatchNormalization',
  'InstanceNormalization',
  'GroupNormalization',
  'CumSum',
  'ReduceSum',
  'ReduceMean',
  'ReduceMax',
  'ReduceMin',
  'ReduceProd',
  'ReduceL1',
  'ReduceL2',
  'ReduceSumSquare',
  'ReduceLogSumExp',
  'ArgMax',
  'ArgMin',
]);

/** Operators whose result is never longer than a position for each element of their first input. */
const selecting = new Set(['NonZero', 'Compress', 'Unique']);

/** An element that is read, made and taken out of the runtime costs 40 ns; a product in a kernel well below 1 ns. */
const PRODUCTS_PER_TOUCH = 64;

/** The dimensions of a value, or undefined where they are not known. */
export type DimsOf = (name: string) => readonly number[] | undefined;

/** How many elements a value of the node has, at most, or undefined where that is not known. */
export function elementsOf(node: Node, name: string, dimsOf: DimsOf): number | undefined {
  const dims = dimsOf(name);
  if (dims !== undefined || !selecting.has(node.op)) return dims && elementCount(dims);
  const read = dimsOf(node.inputs[0] ?? '');
  return read && elementCount(read) * Math.max(1, read.length);
}

/** What a node costs at most, in touched elements, or undefined where a size is not known. */
export function workOf(node: Node, dimsOf: DimsOf): number | undefined {
  const elements = [...node.inputs, ...node.outputs]
    .filter((name) => name !== '')
    .map((name) => elementsOf(node, name, dimsOf));
  if (!elements.every((count) => count !== undefined)) return undefined;
  const touched = elements.reduce((sum, count) => sum + count, 0);
  return node.domain === '' && linear.has(node.op)
    ? touched
    : touched * (1 + termsOf(node, dimsOf, elements) / PRODUCTS_PER_TOUCH);
}

/** How many products go into one element of the result: all of the largest operand, where nothing better is known. */
function termsOf(node: Node, dimsOf: DimsOf, elements: readonly number[]): number {
  const [left = [], right = []] = node.inputs.map(dimsOf);
  if (node.domain === '' && node.op === 'MatMul') return left.at(-1) ?? 1;
  if (node.domain === '' && node.op === 'Gemm') return left[attribute(node, 'transA', 'int') === 1 ? 0 : 1] ?? 1;
  if (node.domain === '' && node.op === 'Conv') return elementCount(right.slice(1));
  return largest(elements);
}

const largest = (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, value), 1);
