/**
 * The tensor element types that the runtime serves, under their Open Inference Protocol names, and
 * how ONNX Runtime and JavaScript call and hold them. FP16 and BYTES have no exact JSON form and
 * are refused at load.
 */
const datatypes = {
  BOOL: { ortType: 'bool', array: Uint8Array },
  UINT8: { ortType: 'uint8', array: Uint8Array },
  UINT16: { ortType: 'uint16', array: Uint16Array },
  UINT32: { ortType: 'uint32', array: Uint32Array },
  UINT64: { ortType: 'uint64', array: BigUint64Array },
  INT8: { ortType: 'int8', array: Int8Array },
  INT16: { ortType: 'int16', array: Int16Array },
  INT32: { ortType: 'int32', array: Int32Array },
  INT64: { ortType: 'int64', array: BigInt64Array },
  FP32: { ortType: 'float32', array: Float32Array },
  FP64: { ortType: 'float64', array: Float64Array },
} as const;

export type Datatype = keyof typeof datatypes;

export type TensorData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** Row-major values of one tensor; BOOL holds one byte (0 or 1) per element. */
export interface Tensor {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

const byOrtType = new Map<string, Datatype>(
  Object.entries(datatypes).map(([name, { ortType }]) => [ortType, name as Datatype]),
);

export const ortTypeOf = (datatype: Datatype): string => datatypes[datatype].ortType;

/** `undefined` for a type that the runtime does not serve. */
export const datatypeOf = (ortType: string | null): Datatype | undefined =>
  ortType === null ? undefined : byOrtType.get(ortType);

export const bytesPerElement = (datatype: Datatype): number => datatypes[datatype].array.BYTES_PER_ELEMENT;

/** Views a whole buffer as elements; its length must be a multiple of the element size. */
export const viewAs = (datatype: Datatype, buffer: ArrayBuffer): TensorData => new datatypes[datatype].array(buffer);

export const allocate = (datatype: Datatype, elements: number): TensorData => new datatypes[datatype].array(elements);

export const holds = (datatype: Datatype, data: TensorData): boolean => data instanceof datatypes[datatype].array;

/** Row-major element count of a shape; 1 for a scalar. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((count, dim) => count * dim, 1);
