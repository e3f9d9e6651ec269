import type { Model } from '@koinon/onnx';
import { AutodiffError } from './errors.js';
import { trainingGraph, type TrainingGraph } from './training-graph.js';
import type { TrainingOptions } from './options.js';
import { sizeOf } from './shape.js';

/** Losses under the names that federations use. */
const lossKinds = { bce: 'binary-cross-entropy', 'cross-entropy': 'cross-entropy', mse: 'mse' } as const;

export interface RecordRecipe {
  readonly trainable: readonly string[];
  readonly loss: keyof typeof lossKinds;
  /** The value the loss is taken on. */
  readonly output: string;
  readonly batch: number;
  readonly memoryLimitBytes?: number;
}

/** What a record brings: values for one input, and one label. */
export interface RecordInput {
  readonly inputName: string;
  readonly width: number;
}

/**
 * The graph of clipped per-record gradients that a site trains with, for a model that takes exactly these records. Where it
 * is not certain that records stay apart in a batch, each is computed alone: slower, and as private as the others.
 * @throws AutodiffError as `trainingGraph`, AUTODIFF_INPUT_SHAPE, AUTODIFF_OUTPUT_SHAPE
 */
export async function recordGradientGraph(
  model: Model,
  { trainable, loss, output, batch, memoryLimitBytes }: RecordRecipe,
  input: RecordInput,
): Promise<TrainingGraph> {
  const options: TrainingOptions = {
    trainable,
    loss: lossKinds[loss],
    output,
    batch,
    optimizer: { kind: 'none' },
    ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
  };
  const graph = await clippedGraph(model, options);
  refuseOtherInput(graph, batch, input);
  refuseOtherLabels(graph, batch, loss);
  return graph;
}

async function clippedGraph(model: Model, options: TrainingOptions): Promise<TrainingGraph> {
  try {
    return await trainingGraph(model, { ...options, clipping: {} });
  } catch (error) {
    if (!(error instanceof AutodiffError) || error.code !== 'AUTODIFF_RECORDS_MIXED') throw error;
    return trainingGraph(model, { ...options, clipping: { microbatch: 1 } });
  }
}

function refuseOtherInput(
  { inputs: { features } }: TrainingGraph,
  batch: number,
  { inputName, width }: RecordInput,
): void {
  const [only, ...others] = Object.entries(features);
  if (only?.[0] === inputName && others.length === 0 && sizeOf(only[1].dims) === batch * width) return;
  throw new AutodiffError(
    'AUTODIFF_INPUT_SHAPE',
    `The model must have one input "${inputName}" with ${width} values per record. Export it for these features.`,
  );
}

/** A record has one label: a number for each output of a model of one, or the class among several. */
function refuseOtherLabels(
  { inputs: { labels }, outputDims: [, ...perRecord] }: TrainingGraph,
  batch: number,
  loss: RecordRecipe['loss'],
): void {
  const outputs = sizeOf(perRecord);
  const fits = sizeOf(labels.dims) === batch && (loss !== 'cross-entropy' || outputs > 1);
  if (!fits)
    throw new AutodiffError(
      'AUTODIFF_OUTPUT_SHAPE',
      `The loss ${loss} does not fit an output of ${outputs} value${outputs === 1 ? '' : 's'} per record. Cross-entropy takes one per class, the others take one.`,
    );
}
