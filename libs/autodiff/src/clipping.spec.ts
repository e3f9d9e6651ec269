import { describe, expect, it } from 'vitest';
import { clippedModels as models } from '../test/clipped-models.js';
import { CLIPPING_NORM, compare, optionsFor, RECORDS } from '../test/clipping-run.js';
import { batchOf, modelOf } from '../test/record-models.js';
import { trainer } from '../test/training-run.js';

describe('per-record clipping', () => {
  it.each(models)('$name equals a loop over single records', async (model) => {
    const { sums, norms } = await compare(model, {});
    expect(sums).toBeLessThan(1e-5);
    expect(norms).toBeLessThan(1e-5);
  });

  it('clips some records of the cases above and leaves others', async () => {
    const counts = await Promise.all(models.map(async (model) => (await compare(model, {})).clipped));
    expect(counts.some((count) => count > 0 && count < 4)).toBe(true);
    expect(counts.some((count) => count === 4)).toBe(true);
  });

  it('has a rule that keeps the whole batch together, except where a weight is changed before its use', async () => {
    const microbatches = await Promise.all(models.map(async (model) => (await compare(model, {})).microbatch));
    expect(microbatches.filter((size) => size === 1)).toHaveLength(1);
  });

  it.each([1, 2, 3])('gives the same sums in pieces of %i', async (microbatch) => {
    const { sums, norms } = await compare(models.at(-1)!, { microbatch });
    expect(sums).toBeLessThan(1e-5);
    expect(norms).toBeLessThan(1e-5);
  });
});

describe('what masked records contribute', () => {
  const model = models.at(-1)!;
  const mask = Float32Array.of(1, 0, 1, 1, 0, 1);

  it.each([{ clipping: {} }, { clipping: { microbatch: 2 } }, {}])('is nothing at all with %o', async (choice) => {
    const own = await trainer(modelOf(model), { ...optionsFor(model, RECORDS), ...choice });
    const first = batchOf(model, RECORDS, 3);
    const other = batchOf(model, RECORDS, 4);
    const size = first.features['x']!.length / RECORDS;
    const x = (first.features['x'] as Float32Array).map((value, position) =>
      mask[Math.floor(position / size)] === 1 ? value : Number((other.features['x'] as Float32Array)[position]),
    );
    const labels = first.labels.map((value, position) => (mask[position] === 1 ? value : other.labels[position]!));
    const before = await own.run({ ...first, mask, clippingNorm: CLIPPING_NORM });
    const after = await own.run({ features: { x }, labels, mask, clippingNorm: CLIPPING_NORM });
    await own.release();
    expect(x).not.toEqual(first.features['x']);
    expect(after).toEqual(before);
  });

  it('is a gradient of zero and a loss of zero when nobody is present', async () => {
    const own = await trainer(modelOf(model), optionsFor(model, RECORDS, {}));
    const { gradients, norms, loss } = await own.run({
      ...batchOf(model, RECORDS),
      mask: new Float32Array(RECORDS),
      clippingNorm: CLIPPING_NORM,
    });
    await own.release();
    expect(Object.values(gradients).every((values) => values.every((value) => value === 0))).toBe(true);
    expect([...norms!, ...loss]).toEqual(Array<number>(RECORDS + 1).fill(0));
  });
});
