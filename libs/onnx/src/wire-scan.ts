import { ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { OnnxError } from './error.js';

// A two-byte field can become a 200-byte object, so parts are counted before any is made: one for a field, one
// for a byte of packed varints (a bigint each), one for four packed floats.
const maxParts = 4_000_000;
// A graph inside a node costs three levels of messages: node, attribute, graph.
const maxDepth = 40;

const varint = 0, bits64 = 1, delimited = 2, bits32 = 5;

const packedCost = new Map([[varint, 1], [bits32, 1 / 16], [bits64, 1 / 16]]);

interface FieldShape {
  wire: number;
  isList: boolean;
  message: DescMessage | undefined;
}

/**
 * Walks the wire format without making objects and proves that decoding is safe: every length lies inside its
 * parent, known fields have their wire type, and depth and number of parts are bounded. Linear in the number of
 * fields; payloads are skipped.
 * @throws OnnxError ONNX_MALFORMED, ONNX_TOO_DEEP, ONNX_TOO_LARGE
 */
export function scanWire(bytes: Uint8Array, root: DescMessage): void {
  let position = 0;
  let parts = 0;

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

  const scan = (desc: DescMessage, end: number, depth: number): void => {
    if (depth > maxDepth) throw new OnnxError('ONNX_TOO_DEEP', `byte ${position}`, `messages nest deeper than ${maxDepth} levels`);
    const fields = shapesOf(desc);
    while (position < end) {
      const start = position;
      const tag = readVarint(end);
      const wire = tag % 8;
      const field = fields.get(Math.floor(tag / 8));
      if (tag < 8 || tag >= 2 ** 32 || (field !== undefined && !accepts(field, wire))) throw malformed(start);
      parts += 1;
      if (wire === varint) readVarint(end);
      else if (wire === bits64) position += 8;
      else if (wire === bits32) position += 4;
      else if (wire === delimited) {
        const length = readVarint(end);
        const fieldEnd = position + length;
        if (fieldEnd > end) throw malformed(start);
        if (field?.message) scan(field.message, fieldEnd, depth + 1);
        else if (field?.isList) parts += length * (packedCost.get(field.wire) ?? 0);
        position = fieldEnd;
      } else throw malformed(start);
      if (position > end) throw malformed(start);
      if (parts > maxParts) throw new OnnxError('ONNX_TOO_LARGE', `byte ${start}`, `the file has more than ${maxParts} parts`);
    }
  };

  scan(root, bytes.length, 0);
}

const malformed = (position: number): OnnxError =>
  new OnnxError('ONNX_MALFORMED', `byte ${position}`, 'these bytes are not a complete ONNX message');

/** A list of numbers may also come packed into one delimited field. */
const accepts = ({ wire, isList }: FieldShape, found: number): boolean => found === wire || (isList && found === delimited);

const cache = new Map<DescMessage, Map<number, FieldShape>>();

function shapesOf(desc: DescMessage): Map<number, FieldShape> {
  let shapes = cache.get(desc);
  if (shapes === undefined) {
    shapes = new Map(desc.fields.map((field) => [
      field.number,
      { wire: wireType(field), isList: field.fieldKind === 'list', message: field.message },
    ]));
    cache.set(desc, shapes);
  }
  return shapes;
}

function wireType(field: DescField): number {
  if (field.message) return delimited;
  switch (field.scalar) {
    case ScalarType.STRING: case ScalarType.BYTES: return delimited;
    case ScalarType.FLOAT: return bits32;
    case ScalarType.DOUBLE: return bits64;
    default: return varint;
  }
}
