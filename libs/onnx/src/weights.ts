import { readInitializers, replaceInitializers } from './codec.js';
import { OnnxError, quoted } from './error.js';

/**
 * The float32 initializers `names` of a model as one vector, in the order of `names`, not of the file. Every party of a federation
 * reads and writes weights with these two functions, so that equal weights are equal bytes.
 * @throws OnnxError ONNX_NO_SUCH_INITIALIZER, ONNX_UNSUPPORTED_TYPE
 */
export function readWeights(model: Uint8Array, names: readonly string[]): Float32Array<ArrayBuffer> {
  const parts = trainable(model, names);
  const weights = new Float32Array(parts.reduce((sum, { data }) => sum + data.length, 0));
  let offset = 0;
  for (const { data } of parts) {
    weights.set(data, offset);
    offset += data.length;
  }
  return weights;
}

/**
 * The same model with `weights`, laid out as `readWeights` gives them, and nothing else changed.
 * @throws OnnxError those of `readWeights`, ONNX_SIZE_MISMATCH, ONNX_NON_FINITE
 */
export function writeWeights(
  model: Uint8Array,
  names: readonly string[],
  weights: Float32Array,
): Uint8Array<ArrayBuffer> {
  const parts = trainable(model, names);
  const expected = parts.reduce((sum, { data }) => sum + data.length, 0);
  if (expected !== weights.length)
    throw new OnnxError(
      'ONNX_SIZE_MISMATCH',
      'weights',
      `the model has ${expected} trainable values, and ${weights.length} are given`,
    );
  let offset = 0;
  return replaceInitializers(
    model,
    new Map(parts.map(({ name, data }) => [name, weights.slice(offset, (offset += data.length))])),
  );
}

function trainable(
  model: Uint8Array,
  names: readonly string[],
): { readonly name: string; readonly data: Float32Array }[] {
  return Array.from(readInitializers(model, names), ([name, { data, type }]) => {
    if (!(data instanceof Float32Array))
      throw new OnnxError(
        'ONNX_UNSUPPORTED_TYPE',
        `initializer ${quoted(name)}`,
        `only float32 can be trained, it is ${type}`,
      );
    return { name, data };
  });
}
