import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { Session, Tensor as RuntimeTensor } from '@koinon/onnx-runtime';
import { describe, expect, it } from 'vitest';
import { TensorSchema } from './gen/onnx_pb.js';
import { checkModel, decodeModel, encodeModel } from './index.js';
import type { Tensor } from './index.js';
import { decodeTensor } from './tensor-codec.js';

interface Signature {
  name: string;
}
interface Case {
  name: string;
  files: Record<string, string>;
  inputs: Signature[];
  outputs: Signature[];
}

const folder = new URL('../conformance/', import.meta.url);
const read = (path: string): Uint8Array => readFileSync(new URL(path, folder));
const { tests } = JSON.parse(new TextDecoder().decode(read('manifest.json'))) as { tests: Case[] };

function tensorFile(path: string): Tensor {
  return decodeTensor(fromBinary(TensorSchema, read(path)));
}

function toRuntime({ type, data, dims }: Tensor): RuntimeTensor {
  return new RuntimeTensor(type as 'float32', data as Float32Array, dims);
}

/** ONNX's own criterion: |found − expected| ≤ atol + rtol · |expected|. */
function expectClose(found: RuntimeTensor, expected: Tensor): void {
  expect(found.dims).toEqual(expected.dims);
  expect(found.type).toBe(expected.type);
  const values = Array.from(found.data as ArrayLike<number | bigint>, Number);
  expected.data.forEach((value, index) => {
    expect(Math.abs(values[index]! - Number(value))).toBeLessThanOrEqual(1e-7 + 1e-3 * Math.abs(Number(value)));
  });
}

describe('ONNX backend node tests', () => {
  it('are the 47 files of the manifest', () => {
    expect(tests).toHaveLength(47);
    for (const { name, files } of tests) {
      for (const [path, digest] of Object.entries(files)) {
        expect(
          createHash('sha256')
            .update(read(`${name}/${path}`))
            .digest('hex'),
        ).toBe(digest);
      }
    }
  });

  it.each(tests)('$name gives the expected outputs after decode → encode', async ({ name, inputs, outputs }) => {
    const bytes = read(`${name}/model.onnx`);
    const encoded = encodeModel(checkModel(bytes));
    expect(decodeModel(encoded)).toEqual(decodeModel(bytes));
    const session = await Session.create(encoded);
    const feeds = Object.fromEntries(
      inputs.map((input, index) => [input.name, toRuntime(tensorFile(`${name}/test_data_set_0/input_${index}.pb`))]),
    );
    const found = await session.run(feeds);
    outputs.forEach((output, index) =>
      expectClose(found[output.name]!, tensorFile(`${name}/test_data_set_0/output_${index}.pb`)),
    );
    await session.release();
  });
});
