import type { Model, Node } from '@koinon/onnx';
import { differentiable } from './backward.js';
import type { GradientProblem } from './batch-gradients.js';
import { AutodiffError } from './errors.js';
import { inputsOf } from './graph-writer.js';
import type { Optimizer } from './optimizers/index.js';
import { isDirect, type TrainingOptions } from './options.js';
import type { Program } from './program.js';
import { inputOf, outputOf } from './rule.js';
import { BATCHED_BYTES } from './rules/convolution.js';
import { sizeOf } from './shape.js';

const FLOAT_BYTES = 4;

/**
 * Upper estimate of the tensors one run holds, in bytes, those it is fed and returns included. For `program.batch` records:
 * every forward value that a gradient reads, its gradient, the other values as far as they live at once, what the largest
 * convolution's weight gradient needs, and with clipping each per-record weight gradient that has to be formed and a float64
 * copy of the largest. For the run: the data of all steps, and the parameters as often as `parameterCopies` says. A tenth is
 * added for the runtime's rounding of blocks. `npm run bench -- training` compares it with what runs really take.
 */
export function estimateBytes(
  { program, trainable }: GradientProblem,
  options: TrainingOptions,
  optimizer: Optimizer | undefined,
): number {
  const shape = (name: string) => program.values.get(name)?.dims ?? [];
  const elements = (names: Iterable<string>) =>
    [...names].reduce((sum, name) => sum + (name === '' ? 0 : sizeOf(shape(name))), 0);
  const features = elements(program.features.map(({ name }) => name));
  const data = (features / program.batch) * options.batch * (options.localSteps ?? 1);
  const needs = differentiable(program, trainable);
  const differentiated = program.nodes.filter(({ outputs }) => outputs.some((name) => needs.has(name)));
  const kept = new Set(
    differentiated
      .flatMap(({ inputs, outputs }) => [...inputs, ...outputs])
      .filter((name) => !program.constants.has(name)),
  );
  const activations =
    elements(kept) + elements([...kept].filter((name) => needs.has(name))) + passingElements(program, kept, shape);
  const convolutions = program.nodes.map((node) => convolutionElements(node, shape));
  const formed = program.batch > 1 ? materialised(program, trainable, shape) : [...trainable];
  const rows = options.clipping !== undefined && program.batch > 1 ? program.batch * elements(formed) : 0;
  // one at a time is copied to float64 and squared for its norm
  const widened =
    options.clipping === undefined
      ? 0
      : 4 *
        Math.max(
          ...formed.map((name) => program.batch * elements([name])),
          ...[...kept].map((name) => elements([name])),
        );
  const inPieces = program.batch < options.batch;
  return bytesOf(
    data +
      activations +
      rows +
      widened +
      Math.max(0, ...convolutions) +
      parameterCopies(options, optimizer, inPieces) * elements(trainable),
  );
}

const bytesOf = (elements: number): number => Math.ceil(1.1 * FLOAT_BYTES * elements);

/** The most elements that live at once of values which no gradient reads: they go when their last reader has run. */
function passingElements({ nodes, features }: Program, kept: ReadonlySet<string>, shape: ShapeOf): number {
  const lastReader = new Map(nodes.flatMap((node, place) => inputsOf(node).map((name) => [name, place] as const)));
  const values = [...features.map(({ name }) => name), ...nodes.flatMap(({ outputs }) => outputs)];
  const sizes = new Map(
    values.filter((name) => name !== '' && !kept.has(name)).map((name) => [name, sizeOf(shape(name))]),
  );
  let live = features.reduce((sum, { name }) => sum + (sizes.get(name) ?? 0), 0);
  let most = live;
  nodes.forEach((node, place) => {
    live += node.outputs.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
    most = Math.max(most, live);
    for (const name of new Set([...inputsOf(node), ...node.outputs]))
      if ((lastReader.get(name) ?? place) === place) live -= sizes.get(name) ?? 0;
  });
  return most;
}

/** Refuses what cannot fit in any pieces before any memory is taken for it. @throws AutodiffError AUTODIFF_MEMORY_LIMIT */
export function refuseTooManyParameters(
  { graph }: Model,
  options: TrainingOptions,
  optimizer: Optimizer | undefined,
  limit: number,
): void {
  const elements = options.trainable.reduce((sum, name) => sum + sizeOf(graph.initializers.get(name)?.dims ?? []), 0);
  const bytes = bytesOf(parameterCopies(options, optimizer, false) * elements);
  if (bytes > limit)
    throw new AutodiffError(
      'AUTODIFF_MEMORY_LIMIT',
      `The parameters alone need about ${bytes} bytes, the limit is ${limit}. Raise it or train fewer layers.`,
    );
}

/** How many values in the shapes of the parameters a run holds at once. */
function parameterCopies(options: TrainingOptions, optimizer: Optimizer | undefined, inPieces: boolean): number {
  const { localSteps = 1, clipping, proximal, scaffold } = options;
  const state = 1 + (optimizer?.slots.length ?? 0);
  return (
    4 * state + // fed, computed, copied out, and the copies of the run before until they are collected
    (localSteps > 1 ? 2 * state : 0) + // a Scan alternates between two buffers
    (inPieces ? 3 : 0) + // so does that of the pieces, which starts from zeros
    (isDirect(options, optimizer) ? 0 : 1 + (optimizer?.scratch ?? 0)) + // the gradient, and what the update makes of it
    (clipping !== undefined && optimizer ? 1 : 0) + // the mean of the clipped sum
    (clipping?.noise ? localSteps + 1 : 0) +
    (proximal ? 3 : 0) +
    (scaffold ? 8 : 0)
  );
}

type ShapeOf = (name: string) => readonly number[];

/** What a weight gradient holds for a moment: im2col, as patches, as their concatenation and transposed, and its per-record parts. */
function convolutionElements(node: Node, shape: ShapeOf): number {
  if (node.op !== 'Conv' && node.op !== 'ConvTranspose') return 0;
  const [wide, narrow] = node.op === 'Conv' ? [inputOf(node, 0), outputOf(node)] : [outputOf(node), inputOf(node, 0)];
  const [records = 1, channels = 1] = shape(wide);
  const weight = shape(inputOf(node, 1));
  return (
    3 * records * channels * sizeOf(weight.slice(2)) * sizeOf(shape(narrow).slice(2)) +
    Math.min(records * sizeOf(weight), BATCHED_BYTES / FLOAT_BYTES)
  );
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
  throw new AutodiffError(
    'AUTODIFF_MEMORY_LIMIT',
    `One record alone needs about ${bytes} bytes, the limit is ${limit}. Raise it or train fewer layers.`,
  );
}
