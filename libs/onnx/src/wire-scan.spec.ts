import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { Attribute_Type, GraphSchema, ModelSchema, TensorSchema } from './gen/onnx_pb.js';
import type { Model as ModelMessage } from './gen/onnx_pb.js';
import { encodeModel } from './index.js';
import { logisticModel } from './models.fixture.js';
import { alteredBytes, refusal } from './refusal.fixture.js';

/** The place is a byte: nothing of the file was decoded yet, so what it costs is bounded by its bytes. */
const tooManyParts = { code: 'ONNX_TOO_LARGE', place: expect.stringMatching(/^byte \d+$/) as string };

describe('the scan of a file before it is decoded', () => {
  it('refuses every truncation that cuts more than metadata off', () => {
    const bytes = encodeModel({ ...logisticModel(), metadata: new Map() });
    for (let length = 0; length < bytes.length; length++) {
      expect(refusal(bytes.subarray(0, length)).code).not.toBe('accepted');
    }
  });

  it('refuses messages nested without end before it decodes them', () => {
    let bytes = new Uint8Array(toBinary(GraphSchema, create(GraphSchema, { name: 'innermost' })));
    for (let level = 0; level < 100; level++) {
      const graph = fromBinary(GraphSchema, bytes);
      bytes = toBinary(
        GraphSchema,
        create(GraphSchema, {
          node: [{ opType: 'If', attribute: [{ name: 'then_branch', type: Attribute_Type.GRAPH, g: graph }] }],
        }),
      );
      if (level > 20) break;
    }
    const deep = toBinary(ModelSchema, create(ModelSchema, { graph: fromBinary(GraphSchema, bytes) }));
    expect(refusal(deep)).toEqual({ code: 'ONNX_TOO_DEEP', place: expect.stringMatching(/^byte \d+$/) as string });
  });

  it('refuses millions of empty parts without making objects of them', () => {
    const nodes = 5_000_000;
    const header = [0x3a, ...[0, 7, 14, 21].map((shift) => (((2 * nodes) >>> shift) & 0x7f) | (shift < 21 ? 0x80 : 0))];
    const bytes = new Uint8Array(header.length + 2 * nodes);
    bytes.set(header);
    for (let index = header.length; index < bytes.length; index += 2) bytes[index] = 0x0a;
    expect(refusal(bytes)).toEqual(tooManyParts);
  });

  it.each<[string, number[]]>([
    ['floats that end early', [0x22, 3, 0, 0, 0]],
    ['doubles that end early', [0x52, 4, 0, 0, 0, 0]],
    ['a number that goes on behind its list', [0x3a, 2, 0x08, 0x80]],
    ['a number of eleven bytes', [0x3a, 11, ...Array.from({ length: 10 }, () => 0xff), 0x01]],
  ])('refuses a packed list of %s', (_, field) => {
    // model { graph { initializer { … } } }
    expect(refusal(new Uint8Array([0x3a, field.length + 2, 0x2a, field.length, ...field]))).toEqual({
      code: 'ONNX_MALFORMED',
      place: expect.stringMatching(/^byte \d+$/) as string,
    });
  });

  it.each([
    [
      'initializers',
      ({ graph }: ModelMessage) => {
        graph!.initializer = Array.from({ length: 200_000 }, (_, index) =>
          create(TensorSchema, { name: `i${index}`, dataType: 1, floatData: [0] }),
        );
      },
    ],
    [
      'strings',
      ({ graph }: ModelMessage) => {
        graph!.initializer[0]!.stringData = Array.from({ length: 600_000 }, () => new Uint8Array());
      },
    ],
  ])('refuses a file of too many %s', (_, change) => {
    expect(refusal(alteredBytes(change))).toEqual(tooManyParts);
  });
});
