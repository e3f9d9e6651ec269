import { fromBinary } from '@bufbuild/protobuf';
import { elementCount, elementTypeName } from './data-types.js';
import { OnnxError, quoted } from './error.js';
import type { Attribute, Dim, Node, Tensor, ValueInfo } from './ir.js';
import { ValueInfoSchema } from './gen/onnx_pb.js';
import type { ModelLimits } from './limits.js';
import { placeOf } from './attributes.js';

/** Which input of an operator holds sizes that the runtime will allocate. */
const sizeInputs: Record<string, number> = {
  ConstantOfShape: 0,
  Expand: 1,
  Tile: 1,
  Pad: 1,
  Resize: 3,
  Range: 1,
  OneHot: 1,
};

/** Which attributes hold such sizes. */
const sizeAttributes = new Set([
  'shape',
  'pads',
  'kernel_shape',
  'output_shape',
  'output_padding',
  'strides',
  'dilations',
  'hidden_size',
]);

/** @throws OnnxError ONNX_MISSING_NAME, ONNX_TOO_LARGE */
export function checkName(name: string, place: string, { maxNameLength }: ModelLimits): void {
  if (name === '') throw new OnnxError('ONNX_MISSING_NAME', place, 'it has no name');
  if (name.length > maxNameLength)
    throw new OnnxError('ONNX_TOO_LARGE', place, `its name is longer than ${maxNameLength} characters; rename it`);
}

/** @throws OnnxError ONNX_SIZE_MISMATCH, ONNX_TOO_LARGE, ONNX_NON_FINITE */
export function checkTensor(tensor: Tensor, place: string, limits: ModelLimits): void {
  const { data, dims, type } = tensor;
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0) || elementCount(dims) !== data.length) {
    throw new OnnxError('ONNX_SIZE_MISMATCH', place, `its shape does not hold its ${data.length} elements`);
  }
  if (data.length > limits.maxElements)
    throw new OnnxError('ONNX_TOO_LARGE', place, `it has more than ${limits.maxElements} elements`);
  const index = firstNotFinite(tensor);
  if (index >= 0)
    throw new OnnxError(
      'ONNX_NON_FINITE',
      place,
      `element ${index} is ${type.endsWith('16') ? 'not finite' : data[index]}; export a model whose training did not diverge`,
    );
}

/** Input and output declarations. @throws OnnxError ONNX_OPEN_SHAPE, ONNX_TOO_LARGE, ONNX_UNSUPPORTED_TYPE */
export function checkValueInfo(value: ValueInfo, what: 'input' | 'output', limits: ModelLimits): void {
  const place = `${what} ${quoted(value.name)}`;
  for (const dim of value.dims ?? [])
    if (typeof dim === 'string') checkName(dim, `${place}, dimension ${quoted(dim)}`, limits);
  if (value.dims)
    checkSizes(
      value.dims.filter((dim): dim is number => typeof dim === 'number'),
      place,
      limits,
    );
  if (what === 'output') return;
  if (value.type === undefined)
    throw new OnnxError(
      'ONNX_UNSUPPORTED_TYPE',
      place,
      `${kindOf(value)} is not supported; export the model with float32 or int64 tensors as inputs`,
    );
  if (value.dims === undefined) throw new OnnxError('ONNX_OPEN_SHAPE', place, 'its rank is not stated');
  const open = value.dims.findIndex(
    (dim, axis) => isOpen(dim) && (limits.openDims === 'none' || (limits.openDims === 'batch' && axis > 0)),
  );
  if (open >= 0) throw new OnnxError('ONNX_OPEN_SHAPE', place, `axis ${open} has no fixed size`);
}

/** @throws OnnxError ONNX_TOO_LARGE where a node asks the runtime for an enormous tensor through a constant or an attribute */
export function checkRequestedSizes(
  node: Node,
  constant: (name: string) => Tensor | undefined,
  limits: ModelLimits,
): void {
  const index = Object.hasOwn(sizeInputs, node.op) ? sizeInputs[node.op] : undefined;
  const sizes = index === undefined ? undefined : constant(node.inputs[index] ?? '');
  if (sizes && !Array.isArray(sizes.data)) checkSizes(Array.from(sizes.data, Number), placeOf(node), limits);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    if (sizeAttributes.has(name)) checkSizes(integersOf(attribute), placeOf(node), limits);
  }
}

function checkSizes(sizes: readonly number[], place: string, limits: ModelLimits): void {
  const product = sizes.reduce((total, size) => total * Math.max(1, Math.abs(size)), 1);
  if (product > limits.maxElements)
    throw new OnnxError('ONNX_TOO_LARGE', place, `it asks for more than ${limits.maxElements} elements`);
}

function integersOf(attribute: Attribute): number[] {
  if (attribute.kind === 'ints') return attribute.value;
  if (attribute.kind === 'int') return [attribute.value];
  return attribute.kind === 'opaque' ? [Infinity] : [];
}

/** What the file declares where the IR holds no type. */
function kindOf({ extra }: ValueInfo): string {
  const tensor = extra && fromBinary(ValueInfoSchema, extra).type?.tensorType;
  return tensor ? elementTypeName(tensor.elemType) : 'what is not a tensor';
}

const isOpen = (dim: Dim): boolean => typeof dim !== 'number';

/** NaN is never meant. An infinity is, as a scalar bound or padding value; in a larger tensor it is a diverged weight. */
function firstNotFinite({ type, data }: Tensor): number {
  const single = data.length === 1;
  switch (type) {
    case 'float32':
    case 'float64':
      return (data as Float32Array | Float64Array).findIndex(
        single ? Number.isNaN : (value) => !Number.isFinite(value),
      );
    case 'float16':
      return (data as Uint16Array).findIndex(notFiniteBits(0x7c00, single));
    case 'bfloat16':
      return (data as Uint16Array).findIndex(notFiniteBits(0x7f80, single));
    default:
      return -1;
  }
}

const notFiniteBits =
  (exponent: number, allowInfinity: boolean) =>
  (bits: number): boolean =>
    (bits & exponent) === exponent && !(allowInfinity && (bits & 0x7fff) === exponent);
