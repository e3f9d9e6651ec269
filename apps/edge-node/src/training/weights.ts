import { readInitializers, replaceInitializers } from '@koinon/onnx';
import { TrainingError } from './training-error.js';

/** Trainable initializers of a model, concatenated in the order of `trainable`. */
export function flatWeights(model: Uint8Array, trainable: readonly string[]): Float32Array {
  const parts = [...readInitializers(model, trainable).values()].map(({ data }) => Array.from(data as Float32Array));
  return Float32Array.from(parts.flat());
}

/** The model with trainable initializers taken from `weights`. @throws TrainingError TRAINING_JOB_INVALID when the lengths differ */
export function modelWithWeights(model: Uint8Array, trainable: readonly string[], weights: Float32Array): Uint8Array {
  const lengths = [...readInitializers(model, trainable)].map(([name, { data }]) => [name, data.length] as const);
  const expected = lengths.reduce((sum, [, length]) => sum + length, 0);
  if (expected !== weights.length) throw new TrainingError('TRAINING_JOB_INVALID', `the model has ${expected} trainable values, the job ${weights.length}`);
  let offset = 0;
  return replaceInitializers(model, new Map(lengths.map(([name, length]) => [name, weights.slice(offset, (offset += length))])));
}
