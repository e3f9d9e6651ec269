import { ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { OnnxError } from './error.js';

// A two-byte field can become a 200-byte object, so parts are counted before any is made: eight for a message, a text
// or an unknown field (0.5 to 1.5 µs each to decode), one for any other field and for a byte of packed varints (a bigint
// each), one for four packed floats. 10,000 nodes with two attributes each have 850,000; 4,000,000 take up to a second.
const MAX_PARTS = 4_000_000;
const OBJECT_COST = 8;
// A graph inside a node costs three levels of messages: node, attribute, graph.
const MAX_DEPTH = 40;

const VARINT = 0,
  BITS64 = 1,
  DELIMITED = 2,
  BITS32 = 5;

const packedCost = new Map([
  [VARINT, 1],
  [BITS32, 1 / 16],
  [BITS64, 1 / 16],
]);

/** Bytes of a number of fixed size. */
const fixedSize = new Map([
  [BITS32, 4],
  [BITS64, 8],
]);

interface FieldShape {
  wire: number;
  isList: boolean;
  message: DescMessage | undefined;
}

/**
 * Walks the wire format without making objects and proves that decoding is safe: every length lies inside its
 * parent, known fields have their wire type, packed lists hold whole numbers, and depth and number of parts are
 * bounded. Linear in the number of fields and packed varints; other payloads are skipped.
 * @throws OnnxError ONNX_MALFORMED, ONNX_TOO_DEEP, ONNX_TOO_LARGE
 */
export function scanWire(bytes: Uint8Array, root: DescMessage): void {
  let position = 0;
  let parts = 0;

  // At most ten bytes.
  const readVarint = (end: number): number => {
    let value = 0;
    for (let weight = 1; weight <= 2 ** 63; weight *= 128) {
      if (position >= end) throw malformed(position);
      const byte = bytes[position++]!;
      value += (byte & 0x7f) * weight;
      if (byte < 0x80) return value;
    }
    throw malformed(position);
  };

  const count = (cost: number): void => {
    parts += cost;
    if (parts > MAX_PARTS)
      throw new OnnxError(
        'ONNX_TOO_LARGE',
        `byte ${position}`,
        'the file has more parts (nodes, names, numbers) than can be read safely; export it with fewer and with its weights as raw data',
      );
  };

  const scanPacked = (wire: number, end: number): void => {
    count((end - position) * packedCost.get(wire)!);
    const size = fixedSize.get(wire);
    if (size === undefined) for (let next = position; next < end; next = position) readVarint(end);
    else if ((end - position) % size !== 0) throw malformed(position);
  };

  const scan = (desc: DescMessage, end: number, depth: number): void => {
    if (depth > MAX_DEPTH)
      throw new OnnxError('ONNX_TOO_DEEP', `byte ${position}`, `messages nest deeper than ${MAX_DEPTH} levels`);
    const fields = shapesOf(desc);
    while (position < end) {
      const start = position;
      const tag = readVarint(end);
      const wire = tag % 8;
      const field = fields.get(Math.floor(tag / 8));
      if (tag < 8 || tag >= 2 ** 32 || position - start > 5 || (field !== undefined && !accepts(field, wire)))
        throw malformed(start);
      count(field === undefined || wire === DELIMITED ? OBJECT_COST : 1);
      if (wire === VARINT) readVarint(end);
      else if (fixedSize.has(wire)) position += fixedSize.get(wire)!;
      else if (wire === DELIMITED) {
        const length = readVarint(end);
        const fieldEnd = position + length;
        if (fieldEnd > end) throw malformed(start);
        if (field?.message) scan(field.message, fieldEnd, depth + 1);
        else if (field && field.wire !== DELIMITED) scanPacked(field.wire, fieldEnd);
        position = fieldEnd;
      } else throw malformed(start);
      if (position > end) throw malformed(start);
    }
  };

  scan(root, bytes.length, 0);
}

const malformed = (position: number): OnnxError =>
  new OnnxError(
    'ONNX_MALFORMED',
    `byte ${position}`,
    'these bytes are not a complete ONNX message; the file is damaged or is no ONNX model: copy or export it again',
  );

/** A list of numbers may also come packed into one delimited field. */
const accepts = ({ wire, isList }: FieldShape, found: number): boolean =>
  found === wire || (isList && found === DELIMITED);

const cache = new Map<DescMessage, Map<number, FieldShape>>();

function shapesOf(desc: DescMessage): Map<number, FieldShape> {
  let shapes = cache.get(desc);
  if (shapes === undefined) {
    shapes = new Map(
      desc.fields.map((field) => [
        field.number,
        { wire: wireType(field), isList: field.fieldKind === 'list', message: field.message },
      ]),
    );
    cache.set(desc, shapes);
  }
  return shapes;
}

function wireType(field: DescField): number {
  if (field.message) return DELIMITED;
  switch (field.scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return DELIMITED;
    case ScalarType.FLOAT:
      return BITS32;
    case ScalarType.DOUBLE:
      return BITS64;
    default:
      return VARINT;
  }
}
