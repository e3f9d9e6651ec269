import { bytesPerElement, type Datatype, elementCount, type Tensor, viewAs } from '@koinon/inference';
import { checkFinite } from './json-tensor.js';
import { ServingError } from './serving-error.js';

/**
 * The binary tensor data extension: after the JSON part come the tensors' bytes, little-endian and
 * row-major, in the order in which the JSON part names them (github.com/triton-inference-server/server,
 * docs/protocol/extension_binary_data.md). Typed arrays have the byte order of the machine, which is
 * little-endian on every platform that Node and ONNX Runtime both support.
 */
export class BinaryTail {
  private readonly bytes: Uint8Array;
  private offset = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** @throws ServingError TENSOR_INVALID naming the input. */
  read(name: string, datatype: Datatype, shape: readonly number[], size: unknown): Tensor {
    const expected = elementCount(shape) * bytesPerElement(datatype);
    if (size !== expected) {
      throw new ServingError(
        'TENSOR_INVALID',
        `Input "${name}" needs "binary_data_size": ${expected} for its shape and datatype.`,
      );
    }
    if (this.offset + expected > this.bytes.length) {
      throw new ServingError(
        'TENSOR_INVALID',
        `Input "${name}" has fewer bytes after the JSON part than it announces.`,
      );
    }
    // A copy of exactly this tensor: the slice of a request is unaligned and must not travel to another thread.
    const buffer = new ArrayBuffer(expected);
    new Uint8Array(buffer).set(this.bytes.subarray(this.offset, this.offset + expected));
    this.offset += expected;
    const data = viewAs(datatype, buffer);
    checkFinite(
      data,
      () =>
        new ServingError(
          'TENSOR_INVALID',
          `Input "${name}" has values that are NaN or infinite; fill missing values in first.`,
        ),
    );
    if (datatype === 'BOOL' && data.some((byte: number | bigint) => byte > 1)) {
      throw new ServingError('TENSOR_INVALID', `Input "${name}" must have the bytes 0 and 1 only.`);
    }
    return { datatype, shape, data };
  }

  /** @throws ServingError BODY_INVALID when bytes are left over. */
  finish(): void {
    if (this.offset !== this.bytes.length) {
      throw new ServingError(
        'BODY_INVALID',
        'There are bytes after the JSON part that no input announces with "binary_data_size".',
      );
    }
  }
}

/** The tensor's bytes, without a copy. */
export const toBytes = ({ data }: Tensor): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
