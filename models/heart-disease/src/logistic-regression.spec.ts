import { readFileSync } from 'node:fs';
import { encodeModel, replaceInitializers } from '@koinon/onnx';
import { Session, Tensor } from '@koinon/onnx-runtime';
import { describe, expect, it } from 'vitest';
import type { RecordsSchema } from './records-schema.js';
import { dataFile, recordsSchemaFile, federationFile, goldenFile, modelFile, sites, splitFile } from './index.js';
import { logisticRegression } from './logistic-regression.js';

const schema = JSON.parse(readFileSync(recordsSchemaFile, 'utf8')) as RecordsSchema;
const golden = JSON.parse(readFileSync(goldenFile, 'utf8')) as {
  weight: number[];
  bias: number;
  features: number[][];
  probability: number[];
};

describe('heart-disease model', () => {
  it('is written byte for byte the same and is the file that ships', () => {
    const bytes = encodeModel(logisticRegression(schema));
    expect(encodeModel(logisticRegression(schema))).toEqual(bytes);
    expect(new Uint8Array(readFileSync(modelFile))).toEqual(bytes);
  });

  it('answers as independent double-precision arithmetic does', async () => {
    const weights = new Map([
      ['weight', Float32Array.from(golden.weight)],
      ['bias', Float32Array.of(golden.bias)],
    ]);
    const session = await Session.create(replaceInitializers(new Uint8Array(readFileSync(modelFile)), weights));
    const features = new Tensor('float32', Float32Array.from(golden.features.flat()), [golden.features.length, 13]);
    const { probability } = await session.run({ features });
    expect(probability?.dims).toEqual([golden.features.length, 1]);
    golden.probability.forEach((expected, row) => expect(Number(probability?.data[row])).toBeCloseTo(expected, 6));
  });

  it('starts undecided', async () => {
    const session = await Session.create(readFileSync(modelFile));
    expect([session.inputs, session.outputs]).toMatchObject([[{ name: 'features' }], [{ name: 'probability' }]]);
    const { probability } = await session.run({
      features: new Tensor('float32', new Float32Array(26).fill(7), [2, 13]),
    });
    expect(probability?.data).toEqual(Float32Array.of(0.5, 0.5));
  });

  it('ships every file it names', () => {
    const split = JSON.parse(readFileSync(splitFile, 'utf8')) as { centres: Record<string, unknown> };
    expect(Object.keys(split.centres)).toEqual(sites.map((site) => site.id));
    for (const { id } of sites) expect(readFileSync(dataFile(id), 'utf8').split(',').length).toBeGreaterThan(1000);
    expect(readFileSync(federationFile, 'utf8')).toContain('name: heart-disease');
    expect(schema.features.map((feature) => feature.name)).toEqual([
      'age',
      'sex',
      'trestbps',
      'chol',
      'fbs',
      'thalach',
      'exang',
      'oldpeak',
      'cp_2',
      'cp_3',
      'cp_4',
      'restecg_1',
      'restecg_2',
    ]);
  });
});
