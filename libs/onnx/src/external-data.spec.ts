import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelSchema, Tensor_DataLocation } from './gen/onnx_pb.js';
import type { StringStringEntry } from './gen/onnx_pb.js';
import { checkModel, encodeModel, readModel } from './index.js';
import { logisticModel } from './models.fixture.js';

const weights = new Float32Array([3, 2, 1]);
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'onnx-external-'));
  mkdirSync(join(folder, 'model', 'weights'), { recursive: true });
  writeFileSync(join(folder, 'secret'), 'a secret of twelve bytes or more');
  writeFileSync(
    join(folder, 'model', 'weights', 'all.bin'),
    new Uint8Array([0, 0, 0, 0, ...new Uint8Array(weights.buffer)]),
  );
  symlinkSync(join(folder, 'secret'), join(folder, 'model', 'link'));
  symlinkSync(folder, join(folder, 'model', 'up'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a model whose weights lie where `entries` say. */
function modelFile(entries: Record<string, string>): string {
  const message = fromBinary(ModelSchema, encodeModel(logisticModel()));
  const weight = message.graph!.initializer[0]!;
  weight.rawData = new Uint8Array();
  weight.dataLocation = Tensor_DataLocation.EXTERNAL;
  weight.externalData = Object.entries(entries).map(
    ([key, value]) => ({ $typeName: 'onnx.StringStringEntry', key, value }) satisfies StringStringEntry,
  );
  const path = join(folder, 'model', 'model.onnx');
  writeFileSync(path, toBinary(ModelSchema, message));
  return path;
}

describe('readModel', () => {
  it('reads data beside the model and gives one self-contained model', async () => {
    const model = await readModel(modelFile({ location: 'weights/all.bin', offset: '4', length: '12' }));
    expect(model).toEqual(logisticModel([3, 2, 1]));
    expect(checkModel(encodeModel(model))).toEqual(model);
  });

  it.each([
    ['a parent folder', '../secret'],
    ['the password file', '../../etc/passwd'],
    ['a detour', 'weights/../../secret'],
    ['an absolute path', '/etc/passwd'],
    ['a backslash', '..\\secret'],
    ['a hidden end', 'weights/all.bin\0/../../../etc/passwd'],
    ['no location', ''],
    ['a link to a file outside', 'link'],
    ['a link to a folder outside', 'up/secret'],
  ])('refuses %s', async (_, location) => {
    await expect(readModel(modelFile({ location, length: '12' }))).rejects.toThrow(
      expect.objectContaining({ code: 'ONNX_EXTERNAL_DATA_ESCAPES', place: 'tensor "weight"' }),
    );
  });

  it.each([
    ['a missing file', { location: 'none.bin' }],
    ['a folder', { location: 'weights' }],
    ['a range behind the end', { location: 'weights/all.bin', offset: '8', length: '12' }],
    ['an offset that is no number', { location: 'weights/all.bin', offset: '-4' }],
    ['a length beyond reason', { location: 'weights/all.bin', length: '999999999999' }],
  ])('refuses %s', async (_, entries) => {
    await expect(readModel(modelFile(entries))).rejects.toThrow(
      expect.objectContaining({ code: 'ONNX_EXTERNAL_DATA', place: 'tensor "weight"' }),
    );
  });

  it('refuses more external data than the limit, and any where only bytes are given', async () => {
    const path = modelFile({ location: 'weights/all.bin', offset: '4', length: '12' });
    await expect(readModel(path, { maxBytes: 11 })).rejects.toThrow(
      expect.objectContaining({ code: 'ONNX_TOO_LARGE' }),
    );
    const message = fromBinary(ModelSchema, encodeModel(logisticModel()));
    message.graph!.initializer[0]!.dataLocation = Tensor_DataLocation.EXTERNAL;
    message.graph!.initializer[0]!.externalData = [
      { $typeName: 'onnx.StringStringEntry', key: 'location', value: 'weights/all.bin' },
    ];
    expect(() => checkModel(toBinary(ModelSchema, message))).toThrow(
      expect.objectContaining({ code: 'ONNX_EXTERNAL_DATA' }),
    );
  });
});
