import type { Node } from '@koinon/onnx';
import { AutodiffError } from './errors.js';
import type { Program } from './program.js';
import { inputOf, outputOf } from './rule.js';
import { BATCHED_BYTES } from './rules/convolution.js';
import { sizeOf } from './shape.js';

const floatBytes = 4;

/**
 * Upper estimate of the tensors one run holds, in bytes: for `program.batch` records every forward value and its
 * gradient, what the largest convolution's weight gradient needs on its way, and with clipping each per-record weight gradient that has to be formed; and four
 * copies of the parameters (value, gradient, update, output). A tenth is added for the runtime's rounding of blocks.
 */
export function estimateBytes(program: Program, trainable: ReadonlySet<string>, clipped: boolean): number {
  const shape = (name: string) => program.values.get(name)?.dims ?? [];
  const elements = (names: Iterable<string>) => [...names].reduce((sum, name) => sum + (name === '' ? 0 : sizeOf(shape(name))), 0);
  const activations = elements(program.features.map(({ name }) => name)) + elements(program.nodes.flatMap(({ outputs }) => outputs));
  const convolutions = program.nodes.map((node) => convolutionElements(node, shape));
  const rows = clipped ? program.batch * elements(materialised(program, trainable, shape)) : 0;
  return Math.ceil(1.1 * floatBytes * (2 * activations + rows + Math.max(0, ...convolutions) + 4 * elements(trainable)));
}

type ShapeOf = (name: string) => readonly number[];

/** What a weight gradient holds for a moment: im2col, as patches and as their concatenation, and its per-record parts. */
function convolutionElements(node: Node, shape: ShapeOf): number {
  if (node.op !== 'Conv' && node.op !== 'ConvTranspose') return 0;
  const [wide, narrow] = node.op === 'Conv' ? [inputOf(node, 0), outputOf(node)] : [outputOf(node), inputOf(node, 0)];
  const [records = 1, channels = 1] = shape(wide);
  const weight = shape(inputOf(node, 1));
  return 2 * records * channels * sizeOf(weight.slice(2)) * sizeOf(shape(narrow).slice(2)) + Math.min(records * sizeOf(weight), BATCHED_BYTES / floatBytes);
}

/** Shared values, once per use, whose gradient is formed for each record; Gemm and a 2-D MatMul need only norms. */
function materialised(program: Program, trainable: ReadonlySet<string>, shape: ShapeOf): string[] {
  const shared = new Set(trainable);
  return program.nodes.flatMap((node) => {
    const own = node.inputs.filter((name) => shared.has(name));
    const alone = node.inputs.every((name) => name === '' || shared.has(name) || program.constants.has(name));
    if (own.length > 0 && alone) for (const name of node.outputs) shared.add(name);
    const cheap = node.op === 'Gemm' || (node.op === 'MatMul' && shape(outputOf(node)).length === 2);
    return alone || cheap ? [] : own;
  });
}

/** The next smaller size that divides the batch. @throws AutodiffError AUTODIFF_MEMORY_LIMIT when there is none */
export function smallerPiece(batch: number, size: number, bytes: number, limit: number): number {
  for (let smaller = size - 1; smaller >= 1; smaller--) if (batch % smaller === 0) return smaller;
  throw new AutodiffError('AUTODIFF_MEMORY_LIMIT', `One record alone needs about ${bytes} bytes, the limit is ${limit}. Raise it or train fewer layers.`);
}
