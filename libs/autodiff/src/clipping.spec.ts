import { GraphBuilder, attr, elementCount } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { clippedModels as models, normalization } from '../test/clipped-models.js';
import { batchOf, modelOf, recordOf, type Batch, type RecordModel } from '../test/record-models.js';
import { relativeDifference, trainer } from '../test/training-run.js';
import { trainingGraph, type ClippingOptions, type TrainingOptions } from './index.js';

const records = 6;
const clippingNorm = 0.5;
const optionsFor = (model: RecordModel, batch: number, clipping?: ClippingOptions): TrainingOptions => ({
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
    const { gradients } = await single.run(recordOf(batch, records, index));
    const norm = Math.hypot(...Object.values(gradients).flatMap((values) => [...values]));
    norms.push(present * norm);
    for (const [key, values] of Object.entries(gradients)) {
      const sum = (sums[key] ??= new Float64Array(values.length));
      values.forEach((value, position) => {
        sum[position] = (sum[position] as number) + present * value * Math.min(1, clippingNorm / norm);
      });
    }
  }
  await single.release();
  return { norms, sums };
}

async function compare(
  model: RecordModel,
  clipping: ClippingOptions,
  mask = [1, 1, 0, 1, 1, 0],
): Promise<{ sums: number; norms: number; microbatch: number; clipped: number }> {
  const batch = batchOf(model, records);
  const expected = await oneByOne(model, batch, mask);
  const clipped = await trainer(modelOf(model), optionsFor(model, records, clipping));
  const { gradients, norms } = await clipped.run({ ...batch, mask: Float32Array.from(mask), clippingNorm });
  await clipped.release();
  return {
    sums: relativeDifference(gradients, expected.sums),
    norms: relativeDifference({ norms: norms! }, { norms: expected.norms }),
    microbatch: clipped.graph.microbatch,
    clipped: expected.norms.filter((norm) => norm > clippingNorm).length,
  };
}

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
    const own = await trainer(modelOf(model), { ...optionsFor(model, records), ...choice });
    const first = batchOf(model, records, 3);
    const other = batchOf(model, records, 4);
    const size = first.features['x']!.length / records;
    const x = (first.features['x'] as Float32Array).map((value, position) =>
      mask[Math.floor(position / size)] === 1 ? value : Number((other.features['x'] as Float32Array)[position]),
    );
    const labels = first.labels.map((value, position) =>
      mask[position] === 1 ? value : (other.labels[position] as bigint),
    );
    const before = await own.run({ ...first, mask, clippingNorm });
    const after = await own.run({ features: { x }, labels, mask, clippingNorm });
    await own.release();
    expect(x).not.toEqual(first.features['x']);
    expect(after).toEqual(before);
  });

  it('is a gradient of zero and a loss of zero when nobody is present', async () => {
    const own = await trainer(modelOf(model), optionsFor(model, records, {}));
    const { gradients, norms, loss } = await own.run({
      ...batchOf(model, records),
      mask: new Float32Array(records),
      clippingNorm,
    });
    await own.release();
    expect(Object.values(gradients).every((values) => values.every((value) => value === 0))).toBe(true);
    expect([...norms!, ...loss]).toEqual(Array<number>(records + 1).fill(0));
  });
});

describe('operators that mix records', () => {
  const mixing: RecordModel[] = [
    {
      name: 'Softmax over the records',
      record: [4],
      parameters: { w: [4, 4] },
      width: 4,
      build: (graph, x) => graph.op('Softmax', [graph.op('MatMul', [x, 'w'])], { axis: attr.int(0) }),
    },
    {
      name: 'a mean over the records',
      record: [4],
      parameters: { w: [4, 4] },
      width: 4,
      build: (graph, x) => graph.op('Sub', [graph.op('MatMul', [x, 'w']), graph.op('ReduceMean', [x, graph.ints(0)])]),
    },
    {
      name: 'records in reverse',
      record: [4],
      parameters: { w: [4, 4] },
      width: 4,
      build: (graph, x) =>
        graph.op('Slice', [
          graph.op('MatMul', [x, 'w']),
          graph.ints(-1),
          graph.ints(-1000),
          graph.ints(0),
          graph.ints(-1),
        ]),
    },
    {
      name: 'records shifted by padding',
      record: [4],
      parameters: { w: [4, 4] },
      width: 4,
      build: (graph, x) => graph.op('Pad', [graph.op('MatMul', [x, 'w']), graph.ints(1, 0, -1, 0)]),
    },
    {
      name: 'similarities between records',
      record: [4],
      parameters: { w: [4, 4] },
      width: 4,
      build: (graph, x) =>
        graph.op('MatMul', [graph.op('MatMul', [x, graph.op('Transpose', [x])]), graph.op('MatMul', [x, 'w'])]),
    },
    {
      name: 'a branch that reads all records',
      record: [4],
      parameters: { w: [4, 4] },
      width: 4,
      build: (graph, x) => {
        const branch = (name: string, axes: number[]) => {
          const inner = new GraphBuilder(name);
          inner.op('ReduceSum', [x, inner.constant('int64', [axes.length], axes)], {}, name);
          inner.output(name, 'float32', ['rows', 'columns']);
          return attr.graph(inner.graph);
        };
        const condition = graph.constant('bool', [], [1]);
        return graph.op('Add', [
          graph.op('MatMul', [x, 'w']),
          graph.op('If', [condition], { then_branch: branch('all', [0, 1]), else_branch: branch('one', [1]) }),
        ]);
      },
    },
    {
      name: 'a running sum over the records',
      record: [4],
      parameters: { w: [4, 4] },
      width: 4,
      build: (graph, x) => graph.op('MatMul', [graph.op('CumSum', [x, graph.constant('int64', [], [0])]), 'w']),
    },
  ];

  it.each(mixing)('$name is refused', async (model) => {
    await expect(trainer(modelOf(model), optionsFor(model, records, {}))).rejects.toMatchObject({
      code: 'AUTODIFF_RECORDS_MIXED',
    });
  });

  it('is refused for batch statistics that the model asks for itself', async () => {
    const model = normalization(
      'training',
      { scale: [2], shift: [2] },
      (graph, x) =>
        graph.op(
          'BatchNormalization',
          [
            x,
            'scale',
            'shift',
            graph.constant('float32', [2], [0.1, -0.2]),
            graph.constant('float32', [2], [0.5, 1.5]),
          ],
          { training_mode: attr.int(1) },
          3,
        )[0],
    );
    await expect(trainer(modelOf(model), optionsFor(model, 1, {}))).rejects.toMatchObject({
      code: 'AUTODIFF_OPTIONS',
      message: expect.stringContaining('training_mode') as string,
    });
  });

  it('is refused for batch statistics', async () => {
    const model = models.find(({ name }) => name.startsWith('BatchNormalization'))!;
    await expect(
      trainer(modelOf(model), { ...optionsFor(model, records, {}), batchNormalization: 'training' }),
    ).rejects.toMatchObject({ code: 'AUTODIFF_OPTIONS' });
  });

  it('can be asked for one record at a time', async () => {
    const { sums } = await compare(mixing[1]!, { microbatch: 1 });
    expect(sums).toBeLessThan(1e-5);
  });
});

describe('memory', () => {
  const model = models.find(({ name }) => name === 'Conv')!;

  it('is kept under the limit by smaller pieces, with the same sums', async () => {
    const whole = await trainer(modelOf(model), optionsFor(model, records, {}));
    const limited = await trainer(modelOf(model), {
      ...optionsFor(model, records, {}),
      memoryLimitBytes: whole.graph.memoryBytes - 1,
    });
    expect(limited.graph.microbatch).toBe(3);
    expect(limited.graph.memoryBytes).toBeLessThan(whole.graph.memoryBytes);
    const batch = batchOf(model, records);
    const [expected, actual] = [
      await whole.run({ ...batch, clippingNorm }),
      await limited.run({ ...batch, clippingNorm }),
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
      trainer(modelOf(model), { ...optionsFor(model, records, {}), memoryLimitBytes: 1000 }),
    ).rejects.toMatchObject({ code: 'AUTODIFF_MEMORY_LIMIT' });
  });
});
