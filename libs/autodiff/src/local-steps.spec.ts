import { attr, elementCount } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { batchOf, modelOf, type RecordModel } from '../test/record-models.js';
import { relativeDifference, trainer, type RunOutputs } from '../test/training-run.js';
import type { TrainingOptions } from './index.js';

const STEPS = 4;
const BATCH = 6;

const model: RecordModel = {
  name: 'convolution',
  record: [2, 5, 4],
  parameters: { w: [3, 2, 3, 3], b: [3], scale: [3], shift: [3], fc: [6, 5], fcb: [5] },
  width: 5,
  build: (graph, x) => {
    const convolved = graph.op('Conv', [x, 'w', 'b'], { pads: attr.ints([1, 1, 1, 1]) });
    const normal = graph.op('BatchNormalization', [
      convolved,
      'scale',
      'shift',
      graph.initializer('mean', 'float32', [3], [0.1, 0, -0.1]),
      graph.initializer('variance', 'float32', [3], [1, 2, 0.5]),
    ]);
    const pooled = graph.op('MaxPool', [graph.op('Relu', [normal])], {
      kernel_shape: attr.ints([3, 2]),
      strides: attr.ints([3, 2]),
    });
    return graph.op('Tanh', [graph.op('Gemm', [graph.op('Flatten', [pooled]), 'fc', 'fcb'])]);
  },
};

const mask = Float32Array.from({ length: STEPS * BATCH }, (_, index) => (index % 5 === 2 ? 0 : 1));
const data = batchOf(model, STEPS * BATCH);
const part = <T extends Float32Array | BigInt64Array>(values: T, step: number): T =>
  values.slice(step * (values.length / STEPS), (step + 1) * (values.length / STEPS)) as T;

const cases: { name: string; options: Partial<TrainingOptions> }[] = [
  { name: 'SGD', options: { optimizer: { kind: 'sgd' } } },
  { name: 'SGD with momentum', options: { optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0.01 } } },
  { name: 'Adam', options: { optimizer: { kind: 'adam' } } },
  { name: 'clipped SGD', options: { optimizer: { kind: 'sgd' }, clipping: {} } },
  { name: 'clipped Adam', options: { optimizer: { kind: 'adam' }, clipping: {} } },
  {
    name: 'clipped AdamW with noise, in microbatches',
    options: { optimizer: { kind: 'adamw' }, clipping: { noise: true, microbatch: 2 } },
  },
  { name: 'SGD with batch statistics', options: { optimizer: { kind: 'sgd' }, batchNormalization: 'training' } },
];

const optionsFor = (extra: Partial<TrainingOptions>): TrainingOptions => ({
  trainable: Object.keys(model.parameters),
  output: 'logits',
  loss: 'cross-entropy',
  optimizer: { kind: 'none' },
  batch: BATCH,
  ...extra,
});

/** Noise that differs from step to step. */
const noiseOf = (): Record<string, Float32Array> =>
  Object.fromEntries(
    Object.entries(model.parameters).map(([key, dims], seed) => [
      key,
      Float32Array.from({ length: STEPS * elementCount(dims) }, (_, index) => Math.sin(index * 12.9898 + seed)),
    ]),
  );

describe('several steps in one run', () => {
  it.each(cases)('$name ends where single runs end', async ({ options }) => {
    const shared = { clippingNorm: 0.4, learningRate: 0.05, expectedRecords: 5 };
    const looped = await trainer(modelOf(model), optionsFor({ ...options, localSteps: STEPS }));
    const together = await looped.run({ ...data, mask, noise: noiseOf(), ...shared });
    await looped.release();

    const single = await trainer(modelOf(model), optionsFor(options));
    const losses: number[] = [];
    const norms: number[] = [];
    let last: RunOutputs | undefined;
    for (let step = 0; step < STEPS; step++) {
      last = await single.run({
        features: { x: part(data.features['x']!, step) },
        labels: part(data.labels, step),
        mask: part(mask, step),
        ...shared,
        noise: Object.fromEntries(Object.entries(noiseOf()).map(([key, values]) => [key, part(values, step)])),
        ...(last && { parameters: last.parameters, state: last.state, statistics: last.statistics }),
      });
      losses.push(last.loss[0]!);
      norms.push(...(last.norms ?? []));
    }
    await single.release();

    expect(relativeDifference(together.parameters, last!.parameters)).toBeLessThan(1e-6);
    expect(relativeDifference({ loss: together.loss }, { loss: losses })).toBeLessThan(1e-6);
    if (norms.length > 0) expect(relativeDifference({ norms: together.norms! }, { norms })).toBeLessThan(1e-5);
    if (Object.keys(last!.state).length > 0) expect(relativeDifference(together.state, last!.state)).toBeLessThan(1e-6);
    expect(Object.keys(together.statistics)).toEqual(Object.keys(last!.statistics));
  });

  it('reports one loss per step, and it falls', async () => {
    const own = await trainer(modelOf(model), optionsFor({ optimizer: { kind: 'sgd' }, localSteps: 8 }));
    const once = batchOf(model, BATCH);
    const repeated = {
      features: {
        x: Float32Array.from(Array.from({ length: 8 }, () => [...(once.features['x'] as Float32Array)]).flat()),
      },
      labels: BigInt64Array.from(Array.from({ length: 8 }, () => [...once.labels]).flat()),
    };
    const { loss } = await own.run({ ...repeated, learningRate: 0.1 });
    await own.release();
    expect(loss).toHaveLength(8);
    expect([...loss].every((value, index) => index === 0 || value < loss[index - 1]!)).toBe(true);
  });
});

describe('batch statistics', () => {
  it('move the running ones by the momentum of the node', async () => {
    const own = await trainer(
      modelOf({
        ...model,
        build: (graph, x) =>
          graph.op(
            'BatchNormalization',
            [
              x,
              'scale',
              'shift',
              graph.initializer('mean', 'float32', [3], [1, 2, 3]),
              graph.initializer('variance', 'float32', [3], [4, 5, 6]),
            ],
            { momentum: attr.float(0.8) },
          ),
        record: [3, 2],
        parameters: { scale: [3], shift: [3] },
        width: 6,
      }),
      {
        trainable: ['scale', 'shift'],
        output: 'logits',
        loss: 'cross-entropy',
        optimizer: { kind: 'sgd' },
        batch: 2,
        batchNormalization: 'training',
      },
    );
    const x = Float32Array.of(1, 3, 0, 0, -1, 2, 5, 7, 2, 2, 0, 1);
    const { statistics } = await own.run({ features: { x }, labels: BigInt64Array.of(0n, 1n) });
    await own.release();
    // channel 0 holds 1, 3, 5, 7: mean 4, variance 5; channel 1 holds 0, 0, 2, 2; channel 2 holds −1, 2, 0, 1
    const expected = {
      mean: [0.8 * 1 + 0.2 * 4, 0.8 * 2 + 0.2 * 1, 0.8 * 3 + 0.2 * 0.5],
      variance: [0.8 * 4 + 0.2 * 5, 0.8 * 5 + 0.2 * 1, 0.8 * 6 + 0.2 * 1.25],
    };
    expect(relativeDifference(statistics, expected)).toBeLessThan(1e-5);
  });
});
