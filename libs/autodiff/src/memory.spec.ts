import { elementCount } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { clippedModels as models } from '../test/clipped-models.js';
import { CLIPPING_NORM, optionsFor, RECORDS } from '../test/clipping-run.js';
import { batchOf, modelOf, type RecordModel } from '../test/record-models.js';
import { relativeDifference, trainer } from '../test/training-run.js';
import { trainingGraph, type TrainingOptions } from './index.js';

describe('memory', () => {
  const model = models.find(({ name }) => name === 'Conv')!;

  it('is kept under the limit by smaller pieces, with the same sums', async () => {
    const whole = await trainer(modelOf(model), optionsFor(model, RECORDS, {}));
    const limited = await trainer(modelOf(model), {
      ...optionsFor(model, RECORDS, {}),
      memoryLimitBytes: whole.graph.memoryBytes - 1,
    });
    expect(limited.graph.microbatch).toBe(3);
    expect(limited.graph.memoryBytes).toBeLessThan(whole.graph.memoryBytes);
    const batch = batchOf(model, RECORDS);
    const [expected, actual] = [
      await whole.run({ ...batch, clippingNorm: CLIPPING_NORM }),
      await limited.run({ ...batch, clippingNorm: CLIPPING_NORM }),
    ];
    expect(relativeDifference(actual.gradients, expected.gradients)).toBeLessThan(1e-6);
    expect(relativeDifference({ norms: actual.norms! }, { norms: expected.norms! })).toBeLessThan(1e-6);
    await Promise.all([whole.release(), limited.release()]);
  });

  it('counts what optimisers, several steps, noise and pieces hold in copies of the parameters', async () => {
    const weights = 4 * Object.values(model.parameters).reduce((sum, dims) => sum + elementCount(dims), 0);
    const stated = async (extra: Partial<TrainingOptions>) =>
      (await trainingGraph(modelOf(model), { ...optionsFor(model, 1), optimizer: { kind: 'sgd' }, ...extra }))
        .memoryBytes;
    const copies = async (more: Partial<TrainingOptions>, less: Partial<TrainingOptions> = {}) =>
      ((await stated(more)) - (await stated(less))) / (1.1 * weights);
    // gradient and six intermediate values, and two slots that are fed, computed and twice returned
    expect(await copies({ optimizer: { kind: 'adam' } })).toBeCloseTo(7 + 8, 1);
    const clipped = { clipping: {} };
    expect(await copies({ clipping: { noise: true } }, clipped)).toBeCloseTo(2, 1);
    expect(await copies({ proximal: { mu: 1 } }, { optimizer: { kind: 'sgd', momentum: 0 } })).toBeCloseTo(3 + 3, 1);
  });

  it('counts a frozen part once, and only as much of it as lives at a time', async () => {
    const layers = 12;
    const deep: RecordModel = {
      name: 'deep',
      record: [64, 64],
      parameters: { w: [64, 3], f: [64, 64] },
      width: 192,
      build: (graph, x) => {
        let value = x;
        for (let layer = 0; layer < layers; layer++) value = graph.op('Tanh', [graph.op('MatMul', [value, 'f'])]);
        return graph.op('MatMul', [value, 'w']);
      },
    };
    const stated = async (trainable: string[]) =>
      (await trainingGraph(modelOf(deep), { ...optionsFor(deep, 32), trainable })).memoryBytes;
    const value = 1.1 * 4 * 32 * 64 * 64;
    expect(await stated(['f', 'w'])).toBeGreaterThan(4 * layers * value);
    expect(await stated(['w'])).toBeLessThan(5 * value);
  });

  it('is refused when one record alone needs more', async () => {
    await expect(
      trainer(modelOf(model), { ...optionsFor(model, RECORDS, {}), memoryLimitBytes: 1000 }),
    ).rejects.toMatchObject({ code: 'AUTODIFF_MEMORY_LIMIT' });
  });
});
