import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GraphBuilder, attr, encodeModel } from '@koinon/onnx';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadHospitalData, type HospitalData } from '@koinon/records';
import { ClippedGradient } from './clipped-gradient.js';

const folder = fileURLToPath(new URL('../../../models/heart-disease/', import.meta.url));
const model = new Uint8Array(readFileSync(`${folder}generated/model.onnx`));
const schema = JSON.parse(readFileSync(`${folder}records.schema.json`, 'utf8')) as {
  features: { centre: number; halfWidth: number }[];
};
const options = { trainable: ['weight', 'bias'], loss: 'bce', output: 'logits', clippingNorm: 0.7 } as const;
const weights = Float32Array.from({ length: 14 }, (_, i) => Math.sin(i) / 4);

let data: HospitalData;
let gradient: ClippedGradient;
beforeAll(async () => {
  data = loadHospitalData({
    file: `${folder}data/processed.va.data`,
    schemaFile: `${folder}records.schema.json`,
    splitFile: `${folder}data/flamby_split_43.json`,
    centre: 'va',
  });
  gradient = await ClippedGradient.of(model, options, data);
});

/** One record at a time in double precision, from the definition. */
function byHand(sample: readonly number[]): { sum: number[]; loss: number } {
  const sum = Array.from(weights, () => 0);
  let loss = 0;
  for (const row of sample) {
    const scaled = schema.features.map(({ centre, halfWidth }, j) =>
      Math.max(-3, Math.min(3, ((data.train.features[row * 13 + j] ?? 0) - centre) / halfWidth)),
    );
    const inputs = [...scaled, 1];
    const logit = inputs.reduce((z, x, j) => z + x * (weights[j] ?? 0), 0);
    const label = data.train.labels[row] ?? 0;
    const pull = 1 / (1 + Math.exp(-logit)) - label;
    loss += Math.log1p(Math.exp(-logit)) + (1 - label) * logit;
    const norm = Math.abs(pull) * Math.hypot(...inputs);
    inputs.forEach((x, j) => {
      sum[j] = (sum[j] ?? 0) + pull * x * Math.min(1, 0.7 / norm);
    });
  }
  return { sum, loss };
}

describe('ClippedGradient', () => {
  it.each([[[5]], [[0, 84, 17]], [Array.from({ length: 85 }, (_, i) => i)]])(
    'sums what one record at a time gives, whatever the size of the sample',
    async (sample) => {
      const expected = byHand(sample);
      const { sum, loss } = await gradient.sum(weights, data.train, sample);
      const largest = Math.max(...expected.sum.map(Math.abs));
      expected.sum.forEach((value, j) => expect(Math.abs((sum[j] ?? 0) - value) / largest).toBeLessThan(3e-5));
      expect(loss / expected.loss).toBeCloseTo(1, 5);
    },
  );

  it('gives zero for an empty sample', async () => {
    expect(await gradient.sum(weights, data.train, [])).toEqual({ sum: new Float64Array(14), loss: 0 });
  });

  it('never lets one record change a sum by more than half of what is accounted for above the clipping norm', async () => {
    const sample = Array.from({ length: 64 }, (_, i) => i);
    const { sum: all } = await gradient.sum(weights, data.train, sample);
    for (const row of sample) {
      const { sum: alone } = await gradient.sum(weights, data.train, [row]);
      const { sum: others } = await gradient.sum(weights, data.train, sample.toSpliced(row, 1));
      for (const change of [alone, all.map((value, j) => value - (others[j] ?? 0))])
        expect(Math.hypot(...change)).toBeLessThanOrEqual(0.7 * (1 + 2 ** -11));
    }
  });

  it('computes records alone where the model moves them from the first axis', async () => {
    const turned = (turn: boolean): Uint8Array => {
      const graph = new GraphBuilder('turned');
      const input = graph.input('features', 'float32', ['N', 13]);
      const moved = (value: string): string =>
        turn ? graph.op('Transpose', [value], { perm: attr.ints([1, 0]) }) : value;
      const product = graph.op('MatMul', [
        moved(graph.op('Tanh', [moved(input)])),
        graph.initializer('weight', 'float32', [13, 1], new Float32Array(13)),
      ]);
      graph.op('Add', [product, graph.initializer('bias', 'float32', [1], [0])], {}, 'logits');
      graph.op('Sigmoid', ['logits'], {}, 'probability');
      graph.output('probability', 'float32', ['N', 1]);
      return encodeModel(graph.model());
    };
    const sample = [0, 84, 17];
    const sums = await Promise.all(
      [true, false].map(async (turn) =>
        (await ClippedGradient.of(turned(turn), options, data)).sum(weights, data.train, sample),
      ),
    );
    sums[0]!.sum.forEach((value, index) => expect(value).toBeCloseTo(sums[1]!.sum[index]!, 5));
    expect(sums[0]!.loss).toBeCloseTo(sums[1]!.loss, 4);
  });

  it('names what does not fit', async () => {
    const refusal = (over: object, shape: object = data): Promise<unknown> =>
      ClippedGradient.of(model, { ...options, ...over }, { inputName: 'features', width: 13, ...shape });
    await expect(refusal({ trainable: ['wieght'] })).rejects.toMatchObject({
      code: 'TRAINING_MODEL_INVALID',
      message: expect.stringContaining('wieght'),
    });
    await expect(refusal({ output: 'nothing' })).rejects.toMatchObject({ code: 'TRAINING_MODEL_INVALID' });
    await expect(refusal({}, { width: 12 })).rejects.toMatchObject({ code: 'TRAINING_MODEL_INVALID' });
    await expect(ClippedGradient.of(model.subarray(0, 200), options, data)).rejects.toMatchObject({
      code: 'TRAINING_MODEL_INVALID',
    });
    await expect(gradient.sum(new Float32Array(13), data.train, [1])).rejects.toMatchObject({
      code: 'TRAINING_JOB_INVALID',
    });
  });
});
