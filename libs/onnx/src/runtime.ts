import { Session, SessionError, Tensor as RuntimeTensor, type OptimizationLevel } from '@koinon/onnx-runtime';
import { placeOf } from './attributes.js';
import { encodeModel } from './codec.js';
import { elementCount, toStorage } from './data-types.js';
import { OnnxError, quoted } from './error.js';
import type { Model, NumericData, Tensor } from './ir.js';

/** Tensors by input or output name. */
export type Feeds = Readonly<Record<string, Tensor>>;

/**
 * A single-threaded session on a model in memory, whatever it costs; `loadSession` bounds that.
 * @throws OnnxError ONNX_RUNTIME with the runtime's reason
 */
export async function createSession(model: Model, optimization: OptimizationLevel): Promise<Session> {
  const bytes = encodeModel(model);
  try {
    return await Session.create(bytes, { optimization });
  } catch (error) {
    throw refused('the runtime refuses it', error);
  }
}

/** Runs a session on our tensors, for all outputs or only `names`. @throws OnnxError ONNX_RUNTIME */
export async function runSession(
  session: Session,
  feeds: Feeds,
  names?: readonly string[],
): Promise<Record<string, Tensor<NumericData>>> {
  const inputs = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toRuntime(tensor)]));
  try {
    const outputs = await session.run(inputs, names);
    return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, fromRuntime(name, value)]));
  } catch (error) {
    throw refused('the runtime cannot run it', error);
  }
}

/** A tensor to feed or compare; plain numbers are converted to the storage of `type`. */
export function tensorOf(
  type: 'float32' | 'int32' | 'int64' | 'bool',
  dims: readonly number[],
  values: NumericData | readonly number[],
): Tensor<NumericData> {
  if (elementCount(dims) !== values.length) {
    throw new OnnxError(
      'ONNX_SIZE_MISMATCH',
      'tensor',
      `shape [${dims.join(', ')}] does not hold ${values.length} elements`,
    );
  }
  return { name: '', type, dims: [...dims], data: toStorage(type, values) };
}

function toRuntime({ type, data, dims }: Tensor): RuntimeTensor {
  return new RuntimeTensor(type as 'float32', data as Float32Array, dims);
}

function fromRuntime(name: string, { type, data, dims }: RuntimeTensor): Tensor<NumericData> {
  if (type === 'string' || type === 'int4' || type === 'uint4')
    throw new OnnxError('ONNX_UNSUPPORTED_TYPE', `value ${quoted(name)}`, `${type} outputs are not supported here`);
  return { name, type, dims: [...dims], data: data as NumericData };
}

function refused(what: string, error: unknown): unknown {
  if (!(error instanceof SessionError)) return error;
  return new OnnxError(
    'ONNX_RUNTIME',
    error.node ? placeOf({ ...error.node, outputs: [] }) : 'model',
    `${what}: ${error.message}`,
  );
}
