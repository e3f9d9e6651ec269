import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelSchema } from './gen/onnx_pb.js';
import type { Model as ModelMessage } from './gen/onnx_pb.js';
import { OnnxError, printable, quoted } from './error.js';
import type { ExternalData } from './external-data.js';
import { leftover, merged } from './extra.js';
import { decodeGraph, encodeGraph, uniqueMap } from './graph-codec.js';
import type { Model, Tensor } from './ir.js';
import { decodeTensor } from './tensor-codec.js';
import { scanWire } from './wire-scan.js';

/**
 * Reads a model. Tensors whose bytes are aligned are views into `bytes`, so do not change it afterwards.
 * @param external supplies data kept in other files; without it such a model is refused. `readModel` has one.
 * @throws OnnxError ONNX_MALFORMED, ONNX_TOO_DEEP, ONNX_SIZE_MISMATCH, ONNX_DUPLICATE_NAME and the like
 */
export function decodeModel(bytes: Uint8Array, external?: ExternalData): Model {
  const message = parse(bytes);
  const opsets = opsetsOf(message);
  const metadata = uniqueMap(
    message.metadataProps.map(({ key, value }) => [key, value]),
    'metadata',
  );
  return {
    irVersion: Number(message.irVersion),
    opsets,
    graph: decodeGraph(graphOf(message), external),
    producerName: message.producerName,
    producerVersion: message.producerVersion,
    metadata,
    ...leftover(ModelSchema, message, [
      'irVersion',
      'opsetImport',
      'graph',
      'producerName',
      'producerVersion',
      'metadataProps',
    ]),
  };
}

/** One version per domain; some exporters name the same one twice. */
function opsetsOf({ opsetImport }: ModelMessage): Map<string, number> {
  const entries = opsetImport.map(({ domain, version }): [string, number] => [
    domain === 'ai.onnx' ? '' : domain,
    Number(version),
  ]);
  return uniqueMap([...new Map(entries.map((entry) => [JSON.stringify(entry), entry])).values()], 'opset');
}

/** Writes a model. Deterministic: equal models, with equal order of their parts, give equal bytes. */
export function encodeModel(model: Model): Uint8Array<ArrayBuffer> {
  return toBinary(
    ModelSchema,
    merged(ModelSchema, model.extra, {
      irVersion: BigInt(model.irVersion),
      producerName: model.producerName,
      producerVersion: model.producerVersion,
      opsetImport: Array.from(model.opsets, ([domain, version]) => ({
        ...(domain && { domain }),
        version: BigInt(version),
      })),
      graph: encodeGraph(model.graph),
      metadataProps: Array.from(model.metadata, ([key, value]) => ({ key, value })),
    }),
  );
}

/** The initializers of the main graph in file order, or only `names`. @throws OnnxError ONNX_NO_SUCH_INITIALIZER */
export function readInitializers(bytes: Uint8Array, names?: readonly string[]): Map<string, Tensor> {
  const messages = new Map(graphOf(parse(bytes)).initializer.map((tensor) => [tensor.name, tensor]));
  return new Map(
    Array.from(names ?? messages.keys(), (name) => {
      const message = messages.get(name);
      if (message === undefined) throw missing(name);
      return [name, decodeTensor(message)];
    }),
  );
}

/**
 * The same model with other float32 weights; shapes stay. Deterministic, so every party that applies the same
 * weights to the same base gets the same bytes and digest.
 * @throws OnnxError ONNX_NO_SUCH_INITIALIZER, ONNX_UNSUPPORTED_TYPE, ONNX_SIZE_MISMATCH, ONNX_NON_FINITE
 */
export function replaceInitializers(
  bytes: Uint8Array,
  weights: ReadonlyMap<string, Float32Array>,
): Uint8Array<ArrayBuffer> {
  const model = decodeModel(bytes);
  for (const [name, data] of weights) {
    const tensor = model.graph.initializers.get(name);
    const place = `initializer ${quoted(name)}`;
    if (tensor === undefined) throw missing(name);
    if (tensor.type !== 'float32')
      throw new OnnxError('ONNX_UNSUPPORTED_TYPE', place, `only float32 can be replaced, it is ${tensor.type}`);
    if (!data.every(Number.isFinite))
      throw new OnnxError('ONNX_NON_FINITE', place, 'the new values are not all finite');
    model.graph.initializers.set(name, { ...tensor, data });
  }
  return encodeModel(model);
}

function parse(bytes: Uint8Array): ModelMessage {
  if (bytes.length === 0) throw new OnnxError('ONNX_MALFORMED', 'model', 'the file is empty; copy or export it again');
  scanWire(bytes, ModelSchema);
  try {
    return fromBinary(ModelSchema, bytes);
  } catch (error) {
    throw new OnnxError(
      'ONNX_MALFORMED',
      'model',
      `it cannot be decoded (${printable(String(error))}); copy or export it again`,
    );
  }
}

function graphOf(message: ModelMessage): NonNullable<ModelMessage['graph']> {
  if (message.graph === undefined)
    throw new OnnxError(
      'ONNX_MALFORMED',
      'model',
      'it contains no graph; the file is no ONNX model or was cut: copy or export it again',
    );
  return message.graph;
}

const missing = (name: string): OnnxError =>
  new OnnxError('ONNX_NO_SUCH_INITIALIZER', `initializer ${quoted(name)}`, 'the model has no initializer of this name');
