import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NumpyError } from '@koinon/numpy';
import { describe, expect, it } from 'vitest';
import { PIXELS, readDataset, select, without } from './dataset.js';
import { datasetFile } from './files.js';

const sum = (values: Uint8Array): number => values.reduce((total, value) => total + value, 0);
const dataset = readDataset();

describe('the dataset', () => {
  it('is the file of its provenance', () => {
    const provenance = readFileSync(new URL('../data/PROVENANCE.md', import.meta.url), 'utf8');
    expect(provenance).toContain(createHash('sha256').update(readFileSync(datasetFile)).digest('hex'));
  });

  // counts of MedMNIST's info.py; sums of labels and pixels by Python's zipfile over the same bytes
  it.each([
    ['train', 4708, 3494, 538_305_934],
    ['validation', 524, 389, 59_624_090],
    ['test', 624, 390, 70_355_184],
  ] as const)('has the %s split whole', (split, count, pneumonia, brightness) => {
    const { images, labels, count: found } = dataset[split];
    expect([found, labels.length, images.length]).toEqual([count, count, count * PIXELS]);
    expect([sum(labels), sum(images)]).toEqual([pneumonia, brightness]);
  });

  it('finds the ten training images that validation holds too, and none of the test', () => {
    const left = without(dataset.train, dataset.validation);
    expect([left.count, left.images.length, left.labels.length]).toEqual([4698, 4698 * PIXELS, 4698]);
    expect(without(dataset.train, dataset.test).count).toBe(4708);
    expect(without(left, dataset.validation).count).toBe(4698);
  });

  it('selects rows in the order asked for', () => {
    const { images, labels } = select(dataset.test, [5, 0]);
    expect(images).toEqual(
      Uint8Array.from([
        ...dataset.test.images.subarray(5 * PIXELS, 6 * PIXELS),
        ...dataset.test.images.subarray(0, PIXELS),
      ]),
    );
    expect(labels).toEqual(Uint8Array.of(dataset.test.labels[5]!, dataset.test.labels[0]!));
  });

  it('refuses a damaged file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'koinon-'));
    try {
      const bytes = readFileSync(datasetFile);
      bytes[100_000] = bytes[100_000]! ^ 1;
      writeFileSync(join(folder, 'damaged.npz'), bytes);
      expect(() => readDataset(join(folder, 'damaged.npz'))).toThrow(NumpyError);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
