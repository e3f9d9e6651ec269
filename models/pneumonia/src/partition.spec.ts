import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readDataset } from './dataset.js';
import { dirichlet, gamma } from './dirichlet.js';
import { splitFile } from './files.js';
import { partition, type SiteRows } from './partition.js';
import { uniforms } from './random.js';
import { siteRows, sites } from './sites.js';

const { train, test } = readDataset();
const rows = siteRows({ train, validation: train, test });

const count = (labels: Uint8Array, chosen: readonly number[]): [number, number] => {
  const positive = chosen.filter((row) => labels[row] === 1).length;
  return [chosen.length - positive, positive];
};

describe('the sites of the federation', () => {
  it('have these numbers of normal and pneumonia radiographs', () => {
    expect(
      Object.fromEntries(
        Object.entries(rows).map(([site, own]) => [
          site,
          { train: count(train.labels, own.train), test: count(test.labels, own.test) },
        ]),
      ),
    ).toEqual({
      north: { train: [456, 1396], test: [88, 156] },
      harbour: { train: [484, 73], test: [93, 8] },
      valley: { train: [274, 2025], test: [53, 226] },
    });
  });

  it('share every row out exactly once', () => {
    for (const [split, total] of [
      ['train', train.count],
      ['test', test.count],
    ] as const) {
      const dealt = sites.flatMap(({ id }) => rows[id][split]).toSorted((a, b) => a - b);
      expect(dealt).toEqual(Array.from({ length: total }, (_, row) => row));
    }
  });

  it('are written down by the build as the function deals them', () => {
    const { centres } = JSON.parse(readFileSync(splitFile, 'utf8')) as {
      centres: Record<string, { train_rows: number[]; test_rows: number[] }>;
    };
    expect(Object.entries(centres)).toEqual(
      Object.entries(rows).map(([id, own]) => [id, { train_rows: own.train, test_rows: own.test }]),
    );
  });
});

describe('partition', () => {
  const labels = Uint8Array.from({ length: 1000 }, (_, row) => Number(row % 4 !== 0));
  const deal = (seed: number, alpha: number, fewestRows = 1): SiteRows[] =>
    partition(labels, labels, { sites: 4, alpha, seed, fewestRows });

  it('depends on the seed and on nothing else', () => {
    expect(deal(7, 0.5)).toEqual(deal(7, 0.5));
    expect(deal(8, 0.5)).not.toEqual(deal(7, 0.5));
  });

  it('gives every site the fewest rows of each class', () => {
    for (const { train: own } of deal(3, 0.2, 20)) expect(Math.min(...count(labels, own))).toBeGreaterThanOrEqual(20);
  });

  it('is nearly even for a large concentration and skewed for a small one', () => {
    const spread = (alpha: number): number => {
      const shares = deal(5, alpha).map(({ train: own }) => count(labels, own)[1] / own.length);
      return Math.max(...shares) - Math.min(...shares);
    };
    expect(spread(10_000)).toBeLessThan(0.05);
    expect(spread(0.5)).toBeGreaterThan(0.2);
  });
});

describe('dirichlet', () => {
  it('has the mean and variance of its distribution', () => {
    const uniform = uniforms(11);
    const [alpha, dimensions, draws] = [0.5, 3, 20_000];
    const first = Array.from({ length: draws }, () => dirichlet(alpha, dimensions, uniform)[0]!);
    const mean = first.reduce((sum, value) => sum + value, 0) / draws;
    const variance = first.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws;
    // a = α/Σα = 1/3, variance a·(1 − a)/(Σα + 1); six standard errors each
    expect(Math.abs(mean - 1 / 3)).toBeLessThan(0.013);
    expect(Math.abs(variance - ((1 / 3) * (2 / 3)) / 2.5)).toBeLessThan(0.004);
  });

  it.each([0.5, 3])('rests on gamma numbers of the right mean and variance (shape %d)', (shape) => {
    const uniform = uniforms(12);
    const values = Array.from({ length: 20_000 }, () => gamma(shape, uniform));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean / shape - 1)).toBeLessThan(0.07);
    expect(Math.abs(variance / shape - 1)).toBeLessThan(0.15);
  });
});
