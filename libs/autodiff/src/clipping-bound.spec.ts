import { attr, type GraphBuilder } from '@koinon/onnx';
import { runs } from '@koinon/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clippedModels } from '../test/clipped-models.js';
import { batchOf, modelOf, type Batch, type RecordModel } from '../test/record-models.js';
import { trainer, type RunInputs, type RunOutputs, type Trainer } from '../test/training-run.js';
import type { ClippingOptions } from './index.js';

const RECORDS = 4;
const tries = runs(300);
/** What is accounted for above the clipping norm. */
const MARGIN = 1 + 2 ** -10;

interface Scales {
  features: number;
  weights: number;
  logits: number;
}

/** A model in the runtime with everything scaled, and a batch for it. */
async function scaled(
  model: RecordModel,
  scales: Scales,
  clipping: ClippingOptions = {},
): Promise<{ own: Trainer; batch: Batch; parameters: Record<string, Float32Array> }> {
  const source = modelOf(model, Math.fround(scales.logits));
  const own = await trainer(source, {
    trainable: Object.keys(model.parameters),
    output: 'logits',
    loss: 'cross-entropy',
    optimizer: { kind: 'none' },
    batch: RECORDS,
    clipping,
  });
  const batch = batchOf(model, RECORDS);
  const { x } = batch.features;
  const weights = (key: string) => source.graph.initializers.get(key)!.data as Float32Array;
  const parameters = Object.fromEntries(
    Object.keys(model.parameters).map((key) => [key, weights(key).map((value) => value * scales.weights)]),
  );
  return {
    own,
    batch: { ...batch, features: { x: x instanceof Float32Array ? x.map((value) => value * scales.features) : x! } },
    parameters,
  };
}

/** L2 norm of a − b, in double precision: no square of a float32 number leaves its range. */
function distance(a: RunOutputs, b?: RunOutputs): number {
  let square = 0;
  for (const [key, values] of Object.entries(a.gradients))
    values.forEach((value, index) => {
      square += (value - (b?.gradients[key]?.[index] ?? 0)) ** 2;
    });
  return Math.sqrt(square);
}

const present = (...places: number[]): Float32Array =>
  Float32Array.from({ length: RECORDS }, (_, index) => Number(places.includes(index)));

/** What the first record adds alone and in company, in clipping norms. */
async function contributions(own: Trainer, inputs: RunInputs): Promise<number[]> {
  const run = (mask: Float32Array) => own.run({ ...inputs, mask });
  const [alone, all, others] = [await run(present(0)), await run(present(0, 1, 2, 3)), await run(present(1, 2, 3))];
  return [distance(alone), distance(all, others)].map((norm) => norm / Math.fround(inputs.clippingNorm ?? 1));
}

const dense = (inputs: number, outputs: number): RecordModel => ({
  name: `dense ${inputs}-${outputs}`,
  record: [inputs],
  parameters: { w: [inputs, outputs], b: [outputs] },
  width: outputs,
  build: (graph, x) => graph.op('Gemm', [x, 'w', 'b']),
});
const deep: RecordModel = {
  name: 'several layers',
  record: [6],
  parameters: { w: [6, 8], b: [8], v: [8, 8], c: [8] },
  width: 8,
  build: (graph, x) =>
    graph.op('Tanh', [graph.op('Gemm', [graph.op('Relu', [graph.op('Gemm', [x, 'w', 'b'])]), 'v', 'c'])]),
};
const poolOfConvolution: RecordModel = {
  name: 'overlapping maxima of a convolution',
  record: [2, 6, 6],
  parameters: { w: [3, 2, 3, 3] },
  width: 27,
  build: (graph, x) =>
    graph.op('MaxPool', [graph.op('Conv', [x, 'w'], { pads: attr.ints([1, 1, 1, 1]) })], {
      kernel_shape: attr.ints([2, 2]),
      strides: attr.ints([2, 2]),
    }),
};

describe('the contribution of one record', { timeout: 200 * tries }, () => {
  it('stays below the clipping norm and its margin, however model and data are scaled', async () => {
    const power = fc.double({ min: -30, max: 30, noNaN: true }).map((exponent) => 10 ** exponent);
    const scales = fc.record({ features: power, weights: power, logits: power });
    const norm = fc.double({ min: -28, max: 3, noNaN: true }).map((exponent) => 10 ** exponent);
    const models = fc.constantFrom(...clippedModels, dense(5, 300), dense(300, 5), deep, poolOfConvolution);
    const seen: number[] = [];
    await fc.assert(
      fc.asyncProperty(
        models,
        scales,
        norm,
        fc.constantFrom({}, { microbatch: 1 }, { microbatch: 2 }),
        async (model, factors, clippingNorm, clipping) => {
          const { own, batch, parameters } = await scaled(model, factors, clipping);
          const found = await contributions(own, { ...batch, parameters, clippingNorm });
          await own.release();
          seen.push(...found);
          for (const ratio of found) expect(ratio).toBeLessThanOrEqual(MARGIN);
        },
      ),
      { seed: 20_261_127, numRuns: tries, endOnFailure: true },
    );
    // the cases are worth something only if many are really clipped
    expect(seen.filter((ratio) => ratio > 0.999).length).toBeGreaterThan(100);
  });

  it.each([
    ['gradients whose squares underflow', dense(5, 3), { features: 1, weights: 1, logits: 1e-24 }, 1e-28],
    ['large features and small logits', dense(5, 3), { features: 2e16, weights: 1, logits: 4e-23 }, 1e-6],
    ['a layer of 65,536 outputs', dense(4, 65_536), { features: 1e19, weights: 1e-19, logits: 2e-23 }, 0.01],
  ])('is clipped for %s', async (_name, model, factors, clippingNorm) => {
    const { own, batch, parameters } = await scaled(model, factors);
    const found = await contributions(own, { ...batch, parameters, clippingNorm });
    await own.release();
    for (const ratio of found) {
      expect(ratio).toBeLessThanOrEqual(MARGIN);
      expect(ratio).toBeGreaterThan(0.99);
    }
  });
});

describe('a record without a finite gradient', () => {
  const models = [...clippedModels.filter(({ indices }) => indices === undefined), deep, poolOfConvolution];
  const tame = { features: 1, weights: 1, logits: 1 };

  it.each(
    models.flatMap((model) => [{}, { microbatch: 1 }].map((clipping) => ({ name: model.name, model, clipping }))),
  )('adds exactly nothing and leaves the others alone: $name, $clipping', async ({ model, clipping }) => {
    const { own, batch, parameters } = await scaled(model, tame, clipping);
    const clean = batch.features['x'] as Float32Array;
    const size = clean.length / RECORDS;
    const inputs = { labels: batch.labels, parameters, clippingNorm: 0.1 };
    const others = await own.run({ ...inputs, features: { x: clean }, mask: present(0, 2, 3) });
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      // only one element: what the operators around it make of the rest is finite
      for (const end of [size + 1, 2 * size]) {
        const x = clean.map((value, index) => (index >= size && index < end ? broken : value));
        const all = await own.run({ ...inputs, features: { x }, mask: present(0, 1, 2, 3) });
        expect(all.loss.every(Number.isFinite)).toBe(true);
        if (Number.isFinite(all.norms![1])) expect(distance(all, others)).toBeLessThanOrEqual(0.1 * MARGIN);
        else expect(all.gradients).toEqual(others.gradients);
        expect((await own.run({ ...inputs, features: { x }, mask: present(0, 2, 3) })).gradients).toEqual(
          others.gradients,
        );
      }
    }
    await own.release();
  });

  it.each([{}, { microbatch: 1 }])('nor does an index beyond its table stop the run: %o', async (clipping) => {
    const embedding = clippedModels.find(({ indices }) => indices !== undefined)!;
    const { own, batch, parameters } = await scaled(embedding, tame, clipping);
    const x = (batch.features['x'] as BigInt64Array).with(0, 2n ** 63n - 1n).with(1, -(2n ** 63n));
    const found = await contributions(own, { labels: batch.labels, parameters, clippingNorm: 0.1, features: { x } });
    await own.release();
    for (const ratio of found) expect(ratio).toBeLessThanOrEqual(MARGIN);
  });

  it.each(['Div', 'Mod'])('nor is there a %s that fails for some values', async (op) => {
    const embedding = (divisor: (graph: GraphBuilder, x: string) => string): RecordModel => ({
      name: op,
      record: [5],
      indices: 4,
      parameters: { table: [4, 3] },
      width: 15,
      build: (graph, x) => graph.op('Gather', ['table', graph.op(op, [x, divisor(graph, x)])]),
    });
    const { own } = await scaled(
      embedding((graph) => graph.ints(2)),
      tame,
      { microbatch: 1 },
    );
    await own.release();
    await expect(
      scaled(
        embedding((_, x) => x),
        tame,
        { microbatch: 1 },
      ),
    ).rejects.toMatchObject({ code: 'AUTODIFF_UNSUPPORTED' });
  });
});
