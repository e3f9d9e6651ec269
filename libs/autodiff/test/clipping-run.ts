import { batchOf, modelOf, recordOf, type Batch, type RecordModel } from './record-models.js';
import { relativeDifference, trainer } from './training-run.js';
import type { ClippingOptions, TrainingOptions } from '../src/index.js';

export const RECORDS = 6;
export const CLIPPING_NORM = 0.5;
export const optionsFor = (model: RecordModel, batch: number, clipping?: ClippingOptions): TrainingOptions => ({
  trainable: Object.keys(model.parameters),
  output: 'logits',
  loss: 'cross-entropy',
  optimizer: { kind: 'none' },
  batch,
  ...(clipping && { clipping }),
});

/** Norms and clipped sum by running each record alone and clipping outside the graph, in double precision. */
async function oneByOne(
  model: RecordModel,
  batch: Batch,
  mask: readonly number[],
): Promise<{ norms: number[]; sums: Record<string, Float64Array> }> {
  const single = await trainer(modelOf(model), optionsFor(model, 1));
  const norms: number[] = [];
  const sums: Record<string, Float64Array> = {};
  for (const [index, present] of mask.entries()) {
    const { gradients } = await single.run(recordOf(batch, RECORDS, index));
    const norm = Math.hypot(...Object.values(gradients).flatMap((values) => [...values]));
    norms.push(present * norm);
    for (const [key, values] of Object.entries(gradients)) {
      const sum = (sums[key] ??= new Float64Array(values.length));
      values.forEach((value, position) => {
        sum[position] = sum[position]! + present * value * Math.min(1, CLIPPING_NORM / norm);
      });
    }
  }
  await single.release();
  return { norms, sums };
}

/** How far the clipped sums of a model are from those of its records one by one. */
export async function compare(
  model: RecordModel,
  clipping: ClippingOptions,
  mask = [1, 1, 0, 1, 1, 0],
): Promise<{ sums: number; norms: number; microbatch: number; clipped: number }> {
  const batch = batchOf(model, RECORDS);
  const expected = await oneByOne(model, batch, mask);
  const clipped = await trainer(modelOf(model), optionsFor(model, RECORDS, clipping));
  const { gradients, norms } = await clipped.run({
    ...batch,
    mask: Float32Array.from(mask),
    clippingNorm: CLIPPING_NORM,
  });
  await clipped.release();
  return {
    sums: relativeDifference(gradients, expected.sums),
    norms: relativeDifference({ norms: norms! }, { norms: expected.norms }),
    microbatch: clipped.graph.microbatch,
    clipped: expected.norms.filter((norm) => norm > CLIPPING_NORM).length,
  };
}
