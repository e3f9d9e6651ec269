import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OnnxError, checkModel, decodeModel, encodeModel } from './index.js';
import { logisticModel, loopModel } from './models.fixture.js';
import { randomFrom } from './random.fixture.js';

const folder = new URL('../conformance/', import.meta.url);
const { tests } = JSON.parse(readFileSync(new URL('manifest.json', folder), 'utf8')) as { tests: { name: string }[] };
const seeds = [...tests.map(({ name }) => new Uint8Array(readFileSync(new URL(`${name}/model.onnx`, folder)))), encodeModel(loopModel()), encodeModel(logisticModel())];
const filesToTry = 2_000;

describe('checkModel on broken files', () => {
  it(`refuses with a code or gives a model that survives encoding, for ${filesToTry} files`, () => {
    const random = randomFrom(20260517);
    const below = (end: number): number => Math.floor(random() * end);
    const mutations: ((bytes: Uint8Array) => Uint8Array)[] = [
      (bytes) => bytes.subarray(0, below(bytes.length)),
      (bytes) => bytes.map((byte, index) => (index === position ? byte ^ (1 << below(8)) : byte)),
      (bytes) => bytes.map((byte) => (random() < 0.01 ? below(256) : byte)),
      (bytes) => new Uint8Array([...bytes.subarray(0, position), 0xff, 0xff, 0xff, 0xff, 0x0f, ...bytes.subarray(position)]),
      (bytes) => new Uint8Array([...bytes.subarray(0, position), ...bytes.subarray(below(bytes.length))]),
      (bytes) => new Uint8Array([...bytes, ...seeds[below(seeds.length)]!]),
      (bytes) => new Uint8Array(bytes.length).map(() => below(256)),
    ];
    let position = 0;
    const outcomes = { accepted: 0, refused: 0 };
    for (let count = 0; count < filesToTry; count++) {
      const seed = seeds[count % seeds.length]!;
      position = below(seed.length);
      const broken = mutations[below(mutations.length)]!(seed);
      const started = performance.now();
      try {
        const model = checkModel(broken);
        const encoded = encodeModel(model);
        expect(encodeModel(decodeModel(encoded))).toEqual(encoded);
        outcomes.accepted += 1;
      } catch (error) {
        if (!(error instanceof OnnxError)) throw error;
        expect(error.code).toMatch(/^ONNX_/);
        outcomes.refused += 1;
      }
      expect(performance.now() - started).toBeLessThan(2_000);
    }
    expect(outcomes.refused).toBeGreaterThan(filesToTry / 2);
    expect(outcomes.accepted).toBeGreaterThan(filesToTry / 20);
  });
});
