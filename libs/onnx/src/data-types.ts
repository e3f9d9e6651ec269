import { Tensor_DataType as Code } from './gen/onnx_pb.js';
import { OnnxError, quoted } from './error.js';
import type { DataType, NumericData, Tensor } from './ir.js';

export type NumericType = Exclude<DataType, 'string'>;

interface NumericArray {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): NumericData;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): NumericData;
}

const arrays: Record<NumericType, NumericArray> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

const codes: Record<DataType, Code> = {
  float32: Code.FLOAT,
  float64: Code.DOUBLE,
  float16: Code.FLOAT16,
  bfloat16: Code.BFLOAT16,
  int8: Code.INT8,
  int16: Code.INT16,
  int32: Code.INT32,
  int64: Code.INT64,
  uint8: Code.UINT8,
  uint16: Code.UINT16,
  uint32: Code.UINT32,
  uint64: Code.UINT64,
  bool: Code.BOOL,
  string: Code.STRING,
};

const types = new Map(Object.entries(codes).map(([type, code]) => [code, type as DataType]));

/** The number that the ONNX format writes for a type (also the value of Cast's `to`). */
export const dataTypeCode = (type: DataType): number => codes[type];

/** The type with this number, or undefined for one that the IR does not hold (complex, 4- and 8-bit floats). */
export const dataTypeOf = (code: number): DataType | undefined => types.get(code);

/** How the specification calls a type, for errors about those that the IR does not hold: `element type INT4`. */
export const elementTypeName = (code: number): string => `element type ${Code[code] ?? code}`;

/** Bytes of one element. */
export const elementSize = (type: NumericType): number => arrays[type].BYTES_PER_ELEMENT;

/** Number of elements; 1 for a scalar. */
export const elementCount = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);

export const isBigType = (type: DataType): type is 'int64' | 'uint64' => type === 'int64' || type === 'uint64';

/** A zeroed array of the type's storage class. */
export const allocate = (type: NumericType, length: number): NumericData => new arrays[type](length);

/** The bytes seen as elements: a view when they are aligned, one copy otherwise. Little-endian hosts only. */
export function viewAs(type: NumericType, bytes: Uint8Array): NumericData {
  const Elements = arrays[type];
  // Not slice(): on a Buffer that is another view of the same unaligned bytes.
  const aligned = bytes.byteOffset % Elements.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new Elements(aligned.buffer, aligned.byteOffset, aligned.byteLength / Elements.BYTES_PER_ELEMENT);
}

/** Converts plain numbers to the storage of `type`; data that already is that storage is used as it is. */
export function toStorage(type: NumericType, values: NumericData | readonly number[]): NumericData {
  if (values.constructor === arrays[type]) return values as NumericData;
  const storage = allocate(type, values.length);
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    storage[index] = isBigType(type) ? BigInt(value) : Number(value);
  }
  return storage;
}

/** The elements of a float32 tensor. @throws OnnxError ONNX_UNSUPPORTED_TYPE for any other type */
export function floats(tensor: Tensor): Float32Array {
  if (tensor.data instanceof Float32Array) return tensor.data;
  throw new OnnxError(
    'ONNX_UNSUPPORTED_TYPE',
    `tensor ${quoted(tensor.name)}`,
    `expected float32, found ${tensor.type}`,
  );
}

/** The elements of an integer or bool tensor as numbers; 64-bit values must be exactly representable. */
export function integers(tensor: Tensor): number[] {
  const { data } = tensor;
  if (Array.isArray(data) || tensor.type.includes('float')) {
    throw new OnnxError(
      'ONNX_UNSUPPORTED_TYPE',
      `tensor ${quoted(tensor.name)}`,
      `expected integers, found ${tensor.type}`,
    );
  }
  return Array.from(data as ArrayLike<number | bigint>, Number);
}
