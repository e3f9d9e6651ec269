import { datatypeOf, ortTypeOf, type Tensor } from './datatypes.js';
import { RuntimeError } from './runtime-error.js';
import type { WireTensor } from './worker-protocol.js';

export function toWire(tensors: Readonly<Record<string, Tensor>>): Record<string, WireTensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { datatype, shape, data }]) => [
      name,
      { ortType: ortTypeOf(datatype), dims: shape, data },
    ]),
  );
}

export function fromWire(tensors: Readonly<Record<string, WireTensor>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { ortType, dims, data }]) => {
      const datatype = datatypeOf(ortType);
      // Unreachable for a loaded model: load refuses signatures outside the table.
      if (datatype === undefined)
        throw new RuntimeError('MODEL_SIGNATURE_UNSUPPORTED', `Output "${name}" has a type that cannot be served.`);
      return [name, { datatype, shape: dims, data }];
    }),
  );
}

/**
 * The buffers that may change threads instead of being copied: only those that a tensor fills
 * wholly, because a transfer takes every other view of the same memory with it.
 */
export function transferable(tensors: Readonly<Record<string, Tensor>>): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of Object.values(tensors)) {
    if (data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength) buffers.add(data.buffer);
  }
  return [...buffers];
}
