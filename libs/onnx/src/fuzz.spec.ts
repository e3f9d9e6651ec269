import { readFileSync } from 'node:fs';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Message } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { AttributeSchema, Attribute_Type, ModelSchema, TensorSchema } from './gen/onnx_pb.js';
import { OnnxError, checkModel, decodeModel, encodeModel } from './index.js';
import { logisticModel, loopModel } from './models.fixture.js';
import { randomFrom } from './random.fixture.js';

const folder = new URL('../conformance/', import.meta.url);
const { tests } = JSON.parse(readFileSync(new URL('manifest.json', folder), 'utf8')) as { tests: { name: string }[] };
const seeds = [
  ...tests.map(({ name }) => new Uint8Array(readFileSync(new URL(`${name}/model.onnx`, folder)))),
  encodeModel(loopModel()),
  encodeModel(logisticModel()),
];
const FILES_TO_TRY = 2_000;

/** A model with a packed list of every kind: varints, floats and doubles, of tensors and of attributes. */
function packedModel(): Uint8Array {
  const message = fromBinary(ModelSchema, encodeModel(logisticModel()));
  const { initializer, node } = message.graph!;
  Object.assign(initializer[0]!, { rawData: new Uint8Array(), floatData: [1, -2, 0.5] });
  initializer.push(
    withPacked(create(TensorSchema, { name: 'long', dataType: 7, int64Data: [-1n, 300n] }), 1, [2]),
    withPacked(create(TensorSchema, { name: 'double', dataType: 11, doubleData: [1, 2] }), 1, [2]),
    withPacked(create(TensorSchema, { name: 'half', dataType: 10, int32Data: [0x3c00, 0x4000] }), 1, [0x82, 0x00]),
    withPacked(create(TensorSchema, { name: 'unsigned', dataType: 13, uint64Data: [2n ** 63n, 0n] }), 1, [2]),
  );
  node[1]!.attribute.push(
    withPacked(create(AttributeSchema, { name: 'ints', type: Attribute_Type.INTS }), 8, [0x80, 0x01, 0x05]),
    withPacked(
      create(AttributeSchema, { name: 'floats', type: Attribute_Type.FLOATS }),
      7,
      [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40],
    ),
  );
  return toBinary(ModelSchema, message);
}

/** The schema writes these lists unpacked; a reader takes both forms. */
const withPacked = <Shape extends Message>(message: Shape, no: number, data: number[]): Shape =>
  Object.assign(message, { $unknown: [{ no, wireType: 2, data: new Uint8Array([data.length, ...data]) }] });

/** Whether the file is accepted; it may only be refused with a code, and in words that do nothing to a terminal. */
function isAccepted(bytes: Uint8Array): boolean {
  const started = performance.now();
  try {
    const encoded = encodeModel(checkModel(bytes));
    expect(encodeModel(decodeModel(encoded))).toEqual(encoded);
    return true;
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    expect(error.code).toMatch(/^ONNX_/);
    expect(error.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    return false;
  } finally {
    expect(performance.now() - started).toBeLessThan(2_000);
  }
}

describe('checkModel on broken files', () => {
  it(`refuses with a code or gives a model that survives encoding, for ${FILES_TO_TRY} files`, () => {
    const random = randomFrom(20260517);
    const below = (end: number): number => Math.floor(random() * end);
    const mutations: ((bytes: Uint8Array) => Uint8Array)[] = [
      (bytes) => bytes.subarray(0, below(bytes.length)),
      (bytes) => bytes.map((byte, index) => (index === position ? byte ^ (1 << below(8)) : byte)),
      (bytes) => bytes.map((byte) => (random() < 0.01 ? below(256) : byte)),
      (bytes) =>
        new Uint8Array([...bytes.subarray(0, position), 0xff, 0xff, 0xff, 0xff, 0x0f, ...bytes.subarray(position)]),
      (bytes) => new Uint8Array([...bytes.subarray(0, position), ...bytes.subarray(below(bytes.length))]),
      (bytes) => new Uint8Array([...bytes, ...seeds[below(seeds.length)]!]),
      (bytes) => new Uint8Array(bytes.length).map(() => below(256)),
    ];
    let position = 0;
    const outcomes = { accepted: 0, refused: 0 };
    for (let count = 0; count < FILES_TO_TRY; count++) {
      const seed = seeds[count % seeds.length]!;
      position = below(seed.length);
      const broken = mutations[below(mutations.length)]!(seed);
      outcomes[isAccepted(broken) ? 'accepted' : 'refused'] += 1;
    }
    expect(outcomes.refused).toBeGreaterThan(FILES_TO_TRY / 2);
    expect(outcomes.accepted).toBeGreaterThan(FILES_TO_TRY / 20);
  });

  it('does so for each byte of packed lists changed alone', () => {
    const bytes = packedModel();
    expect(isAccepted(bytes)).toBe(true);
    const outcomes = { accepted: 0, refused: 0 };
    bytes.forEach((byte, position) => {
      for (const value of new Set([0, 1, 127, 128, 255, ...Array.from({ length: 8 }, (_, bit) => byte ^ (1 << bit))])) {
        outcomes[isAccepted(bytes.with(position, value)) ? 'accepted' : 'refused'] += 1;
      }
    });
    expect(Math.min(outcomes.accepted, outcomes.refused)).toBeGreaterThan(bytes.length);
  });
});
