import { create } from '@bufbuild/protobuf';
import { ShapeSchema, TypeSchema, Type_TensorTypeSchema, ValueInfoSchema } from './gen/onnx_pb.js';
import type { Shape, Type, ValueInfo as ValueInfoMessage } from './gen/onnx_pb.js';
import { dataTypeCode, dataTypeOf } from './data-types.js';
import { OnnxError, quoted } from './error.js';
import { leftover, merged } from './extra.js';
import type { Dim, ValueInfo } from './ir.js';

/** Reads name, element type and shape; sequences, maps and denotations stay in `extra`. */
export function decodeValueInfo(message: ValueInfoMessage): ValueInfo {
  const { name } = message;
  const tensor = message.type?.tensorType;
  const type = tensor && dataTypeOf(tensor.elemType);
  const dims = tensor?.shape && decodeDims(tensor.shape, `value ${quoted(name)}`);
  if (tensor && type) tensor.elemType = 0;
  if (tensor?.shape && isPlain(tensor.shape)) delete tensor.shape;
  if (message.type && isModelled(message.type)) delete message.type;
  return {
    name,
    ...(type === undefined ? {} : { type }),
    ...(dims === undefined ? {} : { dims }),
    ...leftover(ValueInfoSchema, message, ['name']),
  };
}

/** Writes the value's type over whatever `extra` kept of it. */
export function encodeValueInfo(value: ValueInfo): ValueInfoMessage {
  const message = merged(ValueInfoSchema, value.extra, { name: value.name });
  if (value.type === undefined && value.dims === undefined) return message;
  message.type ??= create(TypeSchema);
  const tensor = (message.type.tensorType ??= create(Type_TensorTypeSchema));
  if (value.type !== undefined) tensor.elemType = dataTypeCode(value.type);
  if (value.dims !== undefined && !(tensor.shape && sameDims(decodeDims(tensor.shape, value.name), value.dims))) {
    tensor.shape = encodeDims(value.dims);
  }
  return message;
}

function decodeDims(shape: Shape, place: string): Dim[] {
  return shape.dim.map(({ value }) => {
    if (value.case !== 'dimValue') return value.value || undefined;
    if (value.value > Number.MAX_SAFE_INTEGER)
      throw new OnnxError('ONNX_TOO_LARGE', place, 'a dimension is beyond 2^53');
    // Exporters write -1 where they mean "not known".
    return value.value < 0n ? undefined : Number(value.value);
  });
}

function encodeDims(dims: readonly Dim[]): Shape {
  return create(ShapeSchema, {
    dim: dims.map((dim) => {
      if (dim === undefined) return {};
      return typeof dim === 'string'
        ? { value: { case: 'dimParam' as const, value: dim } }
        : { value: { case: 'dimValue' as const, value: BigInt(dim) } };
    }),
  });
}

const sameDims = (left: readonly Dim[], right: readonly Dim[]): boolean =>
  left.length === right.length && left.every((dim, axis) => dim === right[axis]);

const isPlain = (shape: Shape): boolean =>
  shape.$unknown === undefined && shape.dim.every((dim) => dim.denotation === '' && dim.$unknown === undefined);

/** True once nothing but a modelled element type and shape is left of a tensor type. */
function isModelled(type: Type): boolean {
  if (type.$unknown !== undefined || type.tensorType === undefined) return false;
  const { elemType, shape, $unknown } = type.tensorType;
  return elemType === 0 && shape === undefined && $unknown === undefined;
}
