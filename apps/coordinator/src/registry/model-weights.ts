import { CodedError, type Federation } from '@koinon/contracts';
import { OnnxError, readInitializers, replaceInitializers } from '@koinon/onnx';

/**
 * The trainable values of a model as one vector, in the order of the federation's `trainable` list.
 * @throws CodedError MODEL_INVALID naming the initializer
 */
export function readWeights(model: Uint8Array, { trainable }: Federation['model']): Float64Array {
  const tensors = trainableTensors(model, trainable);
  const weights = new Float64Array(tensors.reduce((n, t) => n + t.data.length, 0));
  let offset = 0;
  for (const { data } of tensors) {
    weights.set(data, offset);
    offset += data.length;
  }
  return weights;
}

/** The same model with other trainable values; bytes are a pure function of the arguments. */
export function writeWeights(model: Uint8Array, { trainable }: Federation['model'], weights: Float64Array): Uint8Array {
  let offset = 0;
  const replaced = new Map<string, Float32Array>();
  for (const { name, data } of trainableTensors(model, trainable)) {
    replaced.set(name, Float32Array.from(weights.subarray(offset, offset + data.length)));
    offset += data.length;
  }
  return replaceInitializers(model, replaced);
}

function trainableTensors(model: Uint8Array, trainable: readonly string[]): { name: string; data: Float32Array }[] {
  try {
    const found = readInitializers(model, [...trainable]);
    return trainable.map((name) => {
      const data = found.get(name)?.data;
      if (!(data instanceof Float32Array)) throw new CodedError('MODEL_INVALID', `no float32 initializer named ${name}`);
      return { name, data };
    });
  } catch (error) {
    throw error instanceof OnnxError ? new CodedError('MODEL_INVALID', error.code) : error;
  }
}
