import { CodedError, type Federation } from '@koinon/contracts';
import { OnnxError, readWeights as read, writeWeights as write } from '@koinon/onnx';

/**
 * The trainable values of a model as one vector, in the order of the federation's `trainable` list.
 * @throws CodedError MODEL_INVALID
 */
export function readWeights(model: Uint8Array, { trainable }: Federation['model']): Float64Array {
  return asModelInvalid(() => Float64Array.from(read(model, trainable)));
}

/** The same model with other trainable values; bytes are a pure function of the arguments. @throws CodedError MODEL_INVALID */
export function writeWeights(model: Uint8Array, { trainable }: Federation['model'], weights: Float64Array): Uint8Array {
  return asModelInvalid(() => write(model, trainable, Float32Array.from(weights)));
}

function asModelInvalid<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof OnnxError ? new CodedError('MODEL_INVALID', error.code) : error;
  }
}
