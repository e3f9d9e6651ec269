import { fromBinary } from '@bufbuild/protobuf';
import { ModelSchema } from './gen/onnx_pb.js';
import { checkGraph } from './check-graph.js';
import { decodeModel } from './codec.js';
import { OnnxError, quoted } from './error.js';
import type { Model } from './ir.js';
import { defaultLimits } from './limits.js';
import type { ModelLimits } from './limits.js';

/** Opsets that the runtime (ONNX Runtime 1.30) loads, by domain. */
const supportedOpsets: Record<string, { from: number; to: number }> = {
  '': { from: 1, to: 26 },
  'ai.onnx.ml': { from: 1, to: 5 },
  'com.microsoft': { from: 1, to: 1 },
};
const supportedIr = { from: 3, to: 13 };
/** Field number of the model's local functions, which pass through the codec unread. */
const FUNCTIONS_FIELD = 25;

/**
 * Decides whether a model from outside may be handed to the runtime: complete, consistent, bounded, finite.
 * It does not know operators; whether each exists and gets inputs of the right type the runtime decides on loading.
 * @returns the model, decoded if bytes were given (data in other files is then refused)
 * @throws OnnxError with a code and the first place found
 */
export function checkModel(source: Model | Uint8Array, limits: Partial<ModelLimits> = {}): Model {
  const all = { ...defaultLimits, ...limits };
  const model = source instanceof Uint8Array ? decodeModel(bounded(source, all)) : source;
  if (!(model.irVersion >= supportedIr.from && model.irVersion <= supportedIr.to)) {
    throw new OnnxError(
      'ONNX_UNSUPPORTED_VERSION',
      'model',
      `IR version ${model.irVersion} is not between ${supportedIr.from} and ${supportedIr.to}; export it with one of those`,
    );
  }
  if (!model.opsets.has(''))
    throw new OnnxError(
      'ONNX_UNKNOWN_OPSET',
      'model',
      'it imports no version of the standard operators; export it again',
    );
  for (const [domain, version] of model.opsets) checkOpset(domain, version);
  if (model.extra && fromBinary(ModelSchema, model.extra).$unknown?.some(({ no }) => no === FUNCTIONS_FIELD)) {
    throw new OnnxError(
      'ONNX_UNSUPPORTED_TYPE',
      'model',
      'it defines its own functions; export it with functions inlined',
    );
  }
  checkGraph(model.graph, {
    limits: all,
    opsets: model.opsets,
    nodesLeft: all.maxNodes,
    initializersLeft: all.maxInitializers,
  });
  return model;
}

function bounded(bytes: Uint8Array, { maxBytes }: ModelLimits): Uint8Array {
  if (bytes.length > maxBytes)
    throw new OnnxError('ONNX_TOO_LARGE', 'model', `${bytes.length} bytes are more than the limit of ${maxBytes}`);
  return bytes;
}

function checkOpset(domain: string, version: number): void {
  const supported = Object.hasOwn(supportedOpsets, domain) ? supportedOpsets[domain] : undefined;
  const place = `opset ${quoted(domain || 'ai.onnx')}`;
  if (supported === undefined)
    throw new OnnxError(
      'ONNX_UNKNOWN_OPSET',
      place,
      'the runtime has no operators of this domain; export the model with standard operators',
    );
  if (!(version >= supported.from && version <= supported.to)) {
    throw new OnnxError(
      'ONNX_UNKNOWN_OPSET',
      place,
      `version ${version} is not between ${supported.from} and ${supported.to}; export it with one of those`,
    );
  }
}
