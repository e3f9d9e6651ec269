import { encodeModel, type Model } from '@koinon/onnx';
import { clippingWorks, refuseUnreached, type GradientProblem } from './batch-gradients.js';
import { emitTraining } from './emit-training.js';
import { AutodiffError } from './errors.js';
import { GraphWriter, NameScope } from './graph-writer.js';
import { estimateBytes, refuseTooManyParameters, smallerPiece } from './memory.js';
import { optimizerOf, type Optimizer } from './optimizers/index.js';
import { checkOptions, type TrainingOptions } from './options.js';
import { prepare, type Program, type ProgramOptions } from './program.js';
import type { TrainingInputs, TrainingOutputs } from './ports.js';

export interface TrainingGraph {
  model: Model;
  bytes: Uint8Array;
  inputs: TrainingInputs;
  outputs: TrainingOutputs;
  /** Extents of the logits for one batch, records first. */
  outputDims: number[];
  /** Records computed at once. */
  microbatch: number;
  /** Upper estimate of the tensors one run holds, with those it is fed and returns. */
  memoryBytes: number;
}

/**
 * Turns an inference graph into a training graph of standard operators that any ONNX runtime executes.
 * @throws AutodiffError naming the operator, parameter or option at fault
 * @throws OnnxError where the model itself is refused
 */
export async function trainingGraph(model: Model, options: TrainingOptions): Promise<TrainingGraph> {
  checkOptions(model, options);
  const optimizer = options.optimizer.kind === 'none' ? undefined : optimizerOf(options.optimizer);
  const { problem, names, bytes } = await fittingProblem(model, options, optimizer);
  const graph = new GraphWriter(names);
  const { inputs, outputs } = emitTraining(graph, problem, options, optimizer);
  const [, ...perRecord] = problem.program.values.get(options.output)?.dims ?? [];
  const training: Model = {
    irVersion: Math.max(model.irVersion, 8),
    opsets: new Map(model.opsets).set('', Math.max(model.opsets.get('') ?? 0, 18)),
    graph: graph.graph('training'),
    producerName: 'koinon',
    producerVersion: '',
    metadata: new Map(),
  };
  return {
    model: training,
    bytes: encodeModel(training),
    inputs,
    outputs,
    outputDims: [options.batch, ...perRecord],
    microbatch: problem.program.batch,
    memoryBytes: bytes,
  };
}

interface Fitting {
  problem: GradientProblem;
  names: NameScope;
  bytes: number;
}

/** The program for the largest piece of the batch that fits the memory limit and has the rules it needs. */
async function fittingProblem(
  model: Model,
  options: TrainingOptions,
  optimizer: Optimizer | undefined,
): Promise<Fitting> {
  const limit = options.memoryLimitBytes ?? Number.POSITIVE_INFINITY;
  refuseTooManyParameters(model, options, optimizer, limit);
  let size = options.clipping?.microbatch ?? options.batch;
  for (;;) {
    const { problem, names } = await problemOf(model, options, size);
    refuseUnreached(problem);
    const clipped = options.clipping !== undefined;
    if (clipped && problem.program.statistics.size > 0)
      throw new AutodiffError(
        'AUTODIFF_OPTIONS',
        'A BatchNormalization has training_mode 1: batch statistics mix records, so clipping them bounds nothing. Export the model for inference or use GroupNormalization.',
      );
    const bytes = estimateBytes(problem, options, optimizer);
    if (bytes > limit) {
      if (problem.program.statistics.size > 0)
        throw new AutodiffError(
          'AUTODIFF_MEMORY_LIMIT',
          `A batch needs about ${bytes} bytes, the limit is ${limit}, and batch statistics cannot be split. Use a smaller batch.`,
        );
      size = smallerPiece(options.batch, size, bytes, limit);
    } else if (clipped && !clippingWorks(problem)) size = 1;
    else return { problem, names, bytes };
  }
}

/** Every loss takes float32 and the leading axis for the records. @throws AutodiffError AUTODIFF_OUTPUT_SHAPE, AUTODIFF_UNSUPPORTED */
function refuseOtherOutput({ batch, output, values }: Program): void {
  const { dims, type } = values.get(output) ?? { dims: [], type: 'float32' };
  if (type !== 'float32')
    throw new AutodiffError(
      'AUTODIFF_UNSUPPORTED',
      `The output "${output}" is ${type}, but losses are computed in float32. Choose the value before its Cast, or export the model in float32.`,
    );
  if (dims[0] === batch) return;
  throw new AutodiffError(
    'AUTODIFF_OUTPUT_SHAPE',
    `For ${batch} record${batch === 1 ? '' : 's'} the output "${output}" has the shape [${dims.join(', ')}], but its first axis has to be the records. Choose an output that keeps them first, and give every Reshape on the way the extent 0 or -1 there.`,
  );
}

async function problemOf(
  model: Model,
  options: TrainingOptions,
  batch: number,
): Promise<{ problem: GradientProblem; names: NameScope }> {
  const { graph } = model;
  const names = new NameScope([
    ...graph.initializers.keys(),
    ...graph.inputs.map(({ name }) => name),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ]);
  const programOptions: ProgramOptions = {
    output: options.output,
    batch,
    variable: new Set(options.trainable),
    batchNormalization: options.batchNormalization ?? 'frozen',
    recordsLead: options.clipping !== undefined,
    ...(options.dims && { dims: options.dims }),
  };
  const program = await prepare(model, names, programOptions);
  refuseOtherOutput(program);
  const { classWeights, labelSmoothing } = options;
  return {
    names,
    problem: {
      program,
      trainable: new Set(options.trainable),
      loss: options.loss,
      ...(classWeights && { classWeights }),
      ...(labelSmoothing !== undefined && { labelSmoothing }),
    },
  };
}
