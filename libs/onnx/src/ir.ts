/** Element types that the reader, the builder and the runtime share. */
export type DataType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string';

/** Storage of a numeric tensor: 16-bit floats are bit patterns, a bool is one byte. */
export type NumericData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/**
 * Protobuf fields of the message that the IR does not model, serialised. Opaque: keep it when you copy an
 * object and they survive decode → encode; drop it when the object no longer means the same thing.
 */
export type Extra = Uint8Array;

/** Dense values in row-major order; `data` may be a view into the decoded file, so never write to it. */
export interface Tensor<D extends NumericData | string[] = NumericData | string[]> {
  name: string;
  type: DataType;
  dims: number[];
  data: D;
  extra?: Extra;
}

/** A fixed size, a named size such as "batch", or a size nobody stated. */
export type Dim = number | string | undefined;

/** Name, element type and shape of a value; `dims` is absent when the rank is unknown and `[]` for a scalar. */
export interface ValueInfo {
  name: string;
  type?: DataType;
  dims?: Dim[];
  extra?: Extra;
}

/** `opaque` holds a whole attribute message of a kind that is carried through, not edited. */
export type Attribute = (
  | { kind: 'int'; value: number }
  | { kind: 'float'; value: number }
  | { kind: 'string'; value: string }
  | { kind: 'tensor'; value: Tensor }
  | { kind: 'graph'; value: Graph }
  | { kind: 'ints'; value: number[] }
  | { kind: 'floats'; value: number[] }
  | { kind: 'strings'; value: string[] }
  | { kind: 'opaque'; value: Uint8Array }
) & { extra?: Extra };

/** One operator call. An empty input or output name means "not given". The standard domain is ''. */
export interface Node {
  op: string;
  domain: string;
  name: string;
  inputs: string[];
  outputs: string[];
  attributes: Record<string, Attribute>;
  extra?: Extra;
}

export interface Graph {
  name: string;
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  valueInfo: ValueInfo[];
  initializers: Map<string, Tensor>;
  nodes: Node[];
  extra?: Extra;
}

/** `opsets` maps domain → version; `metadata` holds the file's free key-value pairs. */
export interface Model {
  irVersion: number;
  opsets: Map<string, number>;
  graph: Graph;
  producerName: string;
  producerVersion: string;
  metadata: Map<string, string>;
  extra?: Extra;
}
