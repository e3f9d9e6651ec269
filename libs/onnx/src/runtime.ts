import { InferenceSession, Tensor as RuntimeTensor } from '@koinon/onnx-runtime';
import { encodeModel } from './codec.js';
import { elementCount, toStorage } from './data-types.js';
import { OnnxError, printable, quoted } from './error.js';
import type { Model, NumericData, Tensor } from './ir.js';

/** Tensors by input or output name. */
export type Feeds = Readonly<Record<string, Tensor>>;

/**
 * The session's `extra` for x64 processors without VNNI instructions: there the fast int8 kernels add pairs of
 * products in saturating 16-bit registers. Exact and slower; of no use on other processors.
 */
export const exactIntegers = { session: { x64quantprecision: '1' } };

/** From `basic` on the runtime computes constant nodes when it opens a model. */
export type OptimizationLevel = 'disabled' | 'basic' | 'all';

/**
 * A single-threaded session on a model in memory, whatever it costs; `openSession` bounds that.
 * @throws OnnxError ONNX_RUNTIME with the runtime's reason
 */
export async function createSession(model: Model, graphOptimizationLevel: OptimizationLevel): Promise<InferenceSession> {
  const bytes = encodeModel(model);
  try {
    return await InferenceSession.create(bytes, { graphOptimizationLevel, intraOpNumThreads: 1, logSeverityLevel: 4 });
  } catch (error) {
    throw new OnnxError('ONNX_RUNTIME', 'model', `the runtime refuses it: ${reason(error)}`);
  }
}

/** Runs a session on our tensors, for all outputs or only `names`. @throws OnnxError ONNX_RUNTIME */
export async function runSession(session: InferenceSession, feeds: Feeds, names: readonly string[] = session.outputNames): Promise<Record<string, Tensor<NumericData>>> {
  const inputs = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toRuntime(tensor)]));
  try {
    const outputs = await session.run(inputs, names);
    return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, fromRuntime(name, value)]));
  } catch (error) {
    throw new OnnxError('ONNX_RUNTIME', 'model', `the runtime cannot run it: ${reason(error)}`);
  }
}

/** A tensor to feed or compare; plain numbers are converted to the storage of `type`. */
export function tensorOf(type: 'float32' | 'int32' | 'int64' | 'bool', dims: readonly number[], values: NumericData | readonly number[]): Tensor<NumericData> {
  if (elementCount(dims) !== values.length) {
    throw new OnnxError('ONNX_SIZE_MISMATCH', 'tensor', `shape [${dims.join(', ')}] does not hold ${values.length} elements`);
  }
  return { name: '', type, dims: [...dims], data: toStorage(type, values) };
}

function toRuntime({ type, data, dims }: Tensor): RuntimeTensor {
  return new RuntimeTensor(type as 'float32', data as Float32Array, dims);
}

function fromRuntime(name: string, { type, data, dims }: RuntimeTensor): Tensor<NumericData> {
  if (type === 'string' || type === 'int4' || type === 'uint4') throw new OnnxError('ONNX_UNSUPPORTED_TYPE', `value ${quoted(name)}`, `${type} outputs are not supported here`);
  return { name, type, dims: [...dims], data: data as NumericData };
}

/** The runtime's message without the paths of its own source in it; the names that it quotes come from the file. */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return printable(text.slice(0, 2_000).replace(/\S+\.(?:cc|cpp|h|hpp)\b(?::\d+)?/g, '…'), 300);
}
