import { CodedError, type Federation } from '@koinon/contracts';
import { AutodiffError, recordGradientGraph, type AutodiffErrorCode } from '@koinon/autodiff';
import { OnnxError, checkModel, elementCount, inferShapes, type Model } from '@koinon/onnx';
import { gridIsFine } from '@koinon/privacy';
import { z } from 'zod';
import { readWeights } from '../../registry/model-weights.js';
import { noiseFor } from './noise.js';

export interface Recipe {
  readonly spec: Federation;
  readonly model: Uint8Array;
  readonly recordsSchema: Uint8Array;
}

/** What a run keeps of its recipe's check. */
export interface CheckedRecipe {
  /** Values of the trainable initializers together. */
  readonly parameterCount: number;
  readonly noiseMultiplier: number;
}

/** As many records as sites compute at once. */
const BATCH = 64;

/** As much of a records schema as decides whether a model takes its records. */
const recordsSchema = z.object({
  input: z.object({ name: z.string(), dims: z.array(z.int().positive()).min(1).optional() }),
  features: z.array(z.unknown()).min(1).optional(),
});

const FIELDS: Partial<Record<AutodiffErrorCode, string>> = {
  AUTODIFF_OUTPUT_UNKNOWN: 'model.output: ',
  AUTODIFF_OUTPUT_SHAPE: 'model.output: ',
  AUTODIFF_INPUT_SHAPE: 'records: ',
  AUTODIFF_TRAINABLE_UNKNOWN: 'model.trainable: ',
  AUTODIFF_TRAINABLE_UNREACHED: 'model.trainable: ',
};

/**
 * Does with a recipe what every site will do with it, short of records: builds the training graph and finds the noise.
 * Seconds of work on a file from outside: not for a thread that answers requests.
 * @throws CodedError MODEL_INVALID, REQUEST_INVALID naming the field
 */
export async function checkRecipe({ spec, model: bytes, recordsSchema: schema }: Recipe): Promise<CheckedRecipe> {
  const { trainable, loss, output } = spec.model;
  try {
    const model = checkModel(bytes);
    await recordGradientGraph(model, { trainable, loss, output, batch: BATCH }, recordInput(schema));
    await refuseOtherScores(model);
    const parameterCount = readWeights(bytes, spec.model).length;
    return { parameterCount, noiseMultiplier: fineNoise(spec, parameterCount) };
  } catch (error) {
    if (error instanceof OnnxError) throw new CodedError('MODEL_INVALID', error.message);
    if (error instanceof AutodiffError)
      throw new CodedError('MODEL_INVALID', `${FIELDS[error.code] ?? ''}${error.message}`);
    throw error;
  }
}

/** @throws CodedError REQUEST_INVALID for noise so large that no site could add it exactly enough to so many weights */
function fineNoise(spec: Federation, values: number): number {
  const noiseMultiplier = noiseFor(spec);
  if (gridIsFine({ noiseMultiplier, clippingNorm: spec.privacy.clippingNorm }, values)) return noiseMultiplier;
  throw new CodedError(
    'REQUEST_INVALID',
    `privacy: the noise of this budget is too large for ${values} weights; raise epsilon, or train fewer rounds, steps or layers`,
  );
}

/** Sites evaluate by the first output: the probability of the positive class. */
async function refuseOtherScores(model: Model): Promise<void> {
  const [output] = model.graph.outputs;
  const shape = (await inferShapes(model, { batch: BATCH })).get(output?.name ?? '');
  if (shape?.type === 'float32' && elementCount(shape.dims) === BATCH) return;
  throw new CodedError('MODEL_INVALID', 'the first output must be one float32 probability per record');
}

function recordInput(bytes: Uint8Array): { inputName: string; width: number } {
  const { input, features } = parsedSchema(bytes);
  const width = input.dims ? elementCount(input.dims) : features?.length;
  if (width === undefined)
    throw new CodedError('REQUEST_INVALID', 'records: the records schema has neither features nor input.dims');
  return { inputName: input.name, width };
}

function parsedSchema(bytes: Uint8Array): z.infer<typeof recordsSchema> {
  try {
    return recordsSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch {
    throw new CodedError('REQUEST_INVALID', 'records: the records schema must be JSON with input.name and features');
  }
}
