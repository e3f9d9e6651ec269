import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { countScores, metricsFromCounts } from '@koinon/secure-tasks';
import { writeWeights } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { loadHospitalData } from '@koinon/records';
import { scoresOf, testRecords } from './evaluation.js';

const folder = fileURLToPath(new URL('../../../models/heart-disease/', import.meta.url));
const model = new Uint8Array(readFileSync(`${folder}generated/model.onnx`));
const trainable = ['weight', 'bias'];
const hospital = loadHospitalData({
  file: `${folder}data/processed.cleveland.data`,
  schemaFile: `${folder}records.schema.json`,
  splitFile: `${folder}data/flamby_split_43.json`,
  centre: 'cleveland',
});

const counted = async (bytes: Uint8Array): Promise<Uint32Array> =>
  countScores(await scoresOf(bytes, testRecords(hospital)), hospital.test.labels);

describe('evaluation', () => {
  it('counts every test record once, by class', async () => {
    const counts = await counted(model);
    // The untrained model gives one half to everybody: bin 50 of each class, 104 records, 48 of them positive.
    expect([counts[50], counts[150]]).toEqual([56, 48]);
    expect(counts.reduce((sum, count) => sum + count)).toBe(104);
  });

  it('scores a model with other weights: ST depression alone separates the classes, its negation reverses the ranking', async () => {
    const scored = async (weight: number): Promise<number> => {
      const weights = new Float32Array(14);
      weights[7] = weight;
      return metricsFromCounts(await counted(writeWeights(model, trainable, weights))).auc;
    };
    const auc = await scored(1);
    expect(auc).toBeGreaterThan(0.65);
    expect(auc + (await scored(-1))).toBeCloseTo(1, 2);
  });
});
