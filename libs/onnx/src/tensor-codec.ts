import { TensorSchema, Tensor_DataLocation } from './gen/onnx_pb.js';
import type { Tensor as TensorMessage } from './gen/onnx_pb.js';
import {
  allocate,
  dataTypeCode,
  dataTypeOf,
  elementCount,
  elementSize,
  elementTypeName,
  isBigType,
  viewAs,
} from './data-types.js';
import type { NumericType } from './data-types.js';
import { OnnxError, quoted } from './error.js';
import { externalRange } from './external-data.js';
import type { ExternalData } from './external-data.js';
import { leftover, merged } from './extra.js';
import type { NumericData, Tensor } from './ir.js';

const modelled = [
  'name',
  'dataType',
  'dims',
  'rawData',
  'floatData',
  'int32Data',
  'int64Data',
  'uint64Data',
  'doubleData',
  'stringData',
  'externalData',
  'dataLocation',
] as const;

/** Reads one tensor message; `external` supplies bytes that the file keeps elsewhere. */
export function decodeTensor(message: TensorMessage, external?: ExternalData): Tensor {
  const place = `tensor ${quoted(message.name)}`;
  const type = dataTypeOf(message.dataType);
  if (type === undefined)
    throw new OnnxError(
      'ONNX_UNSUPPORTED_TYPE',
      place,
      `${elementTypeName(message.dataType)} is not supported; export the model with float32 or int8 weights`,
    );
  if (message.segment !== undefined)
    throw new OnnxError('ONNX_UNSUPPORTED_TYPE', place, 'segmented tensors are not supported');
  const dims = message.dims.map((dim) => sizeOf(dim, place));
  const count = elementCount(dims);
  if (!Number.isSafeInteger(count))
    throw new OnnxError('ONNX_TOO_LARGE', place, 'the product of its dimensions overflows');
  const data = type === 'string' ? decodeStrings(message, place) : decodeNumbers(message, type, external, place);
  if (data.length !== count) {
    throw new OnnxError(
      'ONNX_SIZE_MISMATCH',
      place,
      `shape [${dims.join(', ')}] needs ${count} elements, found ${data.length}`,
    );
  }
  return { name: message.name, type, dims, data, ...leftover(TensorSchema, message, modelled) };
}

/** Writes one tensor message; numbers always as raw data. @throws OnnxError ONNX_SIZE_MISMATCH */
export function encodeTensor(tensor: Tensor): TensorMessage {
  const { data, dims } = tensor;
  if (data.length !== elementCount(dims)) {
    throw new OnnxError(
      'ONNX_SIZE_MISMATCH',
      `tensor ${quoted(tensor.name)}`,
      `shape [${dims.join(', ')}] does not hold ${data.length} elements`,
    );
  }
  return merged(TensorSchema, tensor.extra, {
    name: tensor.name,
    dataType: dataTypeCode(tensor.type),
    dims: dims.map(BigInt),
    ...(Array.isArray(data)
      ? { stringData: data.map((text) => new TextEncoder().encode(text)) }
      : { rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }),
  });
}

function sizeOf(dim: bigint, place: string): number {
  if (dim < 0n) throw new OnnxError('ONNX_SIZE_MISMATCH', place, 'a dimension is negative');
  if (dim > Number.MAX_SAFE_INTEGER) throw new OnnxError('ONNX_TOO_LARGE', place, 'a dimension is beyond 2^53');
  return Number(dim);
}

function decodeStrings(message: TensorMessage, place: string): string[] {
  try {
    return message.stringData.map((bytes) => new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new OnnxError('ONNX_MALFORMED', place, 'a string is not UTF-8; export the model again');
  }
}

function decodeNumbers(
  message: TensorMessage,
  type: NumericType,
  external: ExternalData | undefined,
  place: string,
): NumericData {
  const isExternal = message.dataLocation === Tensor_DataLocation.EXTERNAL;
  const raw = isExternal ? externalBytes(message, external, place) : message.rawData;
  if (isExternal || raw.length > 0) {
    if (raw.length % elementSize(type) !== 0) {
      throw new OnnxError(
        'ONNX_SIZE_MISMATCH',
        place,
        `${raw.length} bytes are not a whole number of ${type} elements`,
      );
    }
    return viewAs(type, raw);
  }
  const values = listField(message, type);
  const data = allocate(type, values.length);
  for (let index = 0; index < values.length; index++)
    data[index] = isBigType(type) ? BigInt(values[index]!) : Number(values[index]);
  return data;
}

/** The specification stores each element type in one of five repeated fields when it is not raw. */
function listField(message: TensorMessage, type: NumericType): readonly number[] | readonly bigint[] {
  switch (type) {
    case 'float32':
      return message.floatData;
    case 'float64':
      return message.doubleData;
    case 'int64':
      return message.int64Data;
    case 'uint32':
    case 'uint64':
      return message.uint64Data;
    default:
      return message.int32Data;
  }
}

function externalBytes(message: TensorMessage, external: ExternalData | undefined, place: string): Uint8Array {
  const range = externalRange(message.externalData, place);
  if (external === undefined) {
    throw new OnnxError(
      'ONNX_EXTERNAL_DATA',
      place,
      'its data lies in another file; open the model with readModel to allow its own folder',
    );
  }
  return external(range, place);
}
