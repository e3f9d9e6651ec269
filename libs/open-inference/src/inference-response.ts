import type { Inference, Slot } from '@koinon/inference';
import { toBytes } from './binary-tensor.js';
import type { InferenceRequest } from './inference-request.js';
import { checkFinite, notFinite, toJsonData } from './json-tensor.js';
import { ServingError } from './serving-error.js';

export interface EncodedResponse {
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string | Buffer;
}

/**
 * The answer as JSON, or as JSON followed by the outputs that were asked for in binary.
 * @param expired whether the release of this version is past its expiry, which the answer then says
 * @throws ServingError OUTPUT_INVALID
 */
export function encodeResponse(
  { id, outputs }: InferenceRequest,
  slot: Slot,
  result: Inference,
  expired: boolean,
): EncodedResponse {
  const tail: Uint8Array[] = [];
  const encoded = outputs.map(({ name, binary }) => {
    const tensor = result.outputs[name];
    if (!tensor) throw new ServingError('OUTPUT_INVALID', `The model gave no output "${name}".`);
    const { datatype, shape } = tensor;
    if (!binary) return { name, datatype, shape, data: toJsonData(name, tensor) };
    checkFinite(tensor.data, () => notFinite(name));
    const bytes = toBytes(tensor);
    tail.push(bytes);
    return { name, datatype, shape, parameters: { binary_data_size: bytes.length } };
  });
  const json = JSON.stringify({
    model_name: slot.name,
    model_version: result.version,
    ...(id === undefined ? {} : { id }),
    ...(expired ? { parameters: { expired } } : {}),
    outputs: encoded,
  });
  const version = { 'koinon-model-version': result.version };
  if (tail.length === 0)
    return { headers: { ...version, 'content-type': 'application/json; charset=utf-8' }, payload: json };
  const head = Buffer.from(json);
  return {
    headers: {
      ...version,
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.length),
    },
    payload: Buffer.concat([head, ...tail]),
  };
}
