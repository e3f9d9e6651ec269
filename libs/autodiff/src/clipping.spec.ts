import { GraphBuilder, attr, elementCount } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { batchOf, modelOf, recordOf, type Batch, type RecordModel } from '../test/record-models.js';
import { relativeDifference, trainer } from '../test/training-run.js';
import { trainingGraph, type ClippingOptions, type TrainingOptions } from './index.js';

const records = 6;
const clippingNorm = 0.5;
const image = [2, 5, 4];
const ints = attr.ints;

const elementwise = (op: string, shape: number[], build: (graph: GraphBuilder, x: string) => string, range: [number, number] = [0.5, 1.5]): RecordModel => ({
  name: `${op} with a parameter of shape [${shape.join()}]`, record: [3, 4], parameters: { p: shape }, range, width: 12, build,
});

const normalization = (name: string, parameters: Record<string, number[]>, build: RecordModel['build'], extra: Partial<RecordModel> = {}): RecordModel => ({
  name, record: image, parameters, width: 40, build, ...extra,
});

const models: RecordModel[] = [
  { name: 'Gemm', record: [5], parameters: { w: [5, 4], b: [4] }, width: 4, build: (graph, x) => graph.op('Gemm', [x, 'w', 'b'], { alpha: attr.float(0.7), beta: attr.float(1.3) }) },
  { name: 'Gemm transposed', record: [5], parameters: { w: [4, 5], b: [1] }, width: 4, build: (graph, x) => graph.op('Gemm', [x, 'w', 'b'], { transB: attr.int(1) }) },
  {
    name: 'Gemm with several rows per record', record: [3, 5], parameters: { w: [5, 4], b: [4] }, width: 12,
    build: (graph, x) => graph.op('Reshape', [graph.op('Gemm', [graph.op('Reshape', [x, graph.ints(-1, 5)]), 'w', 'b']), graph.ints(-1, 12)]),
  },
  { name: 'MatMul', record: [5], parameters: { w: [5, 4], b: [4] }, width: 4, build: (graph, x) => graph.op('Add', [graph.op('MatMul', [x, 'w']), 'b']) },
  { name: 'MatMul over tokens', record: [3, 5], parameters: { w: [5, 4], b: [4] }, width: 12, build: (graph, x) => graph.op('Add', [graph.op('MatMul', [x, 'w']), 'b']) },
  { name: 'MatMul from the left', record: [3, 5], parameters: { w: [4, 3] }, width: 20, build: (graph, x) => graph.op('MatMul', ['w', x]) },
  { name: 'MatMul per head', record: [2, 3, 5], parameters: { w: [2, 5, 4] }, width: 24, build: (graph, x) => graph.op('MatMul', [x, 'w']) },
  { name: 'MatMul with a vector', record: [5], parameters: { w: [5] }, width: 1, build: (graph, x) => graph.op('MatMul', [x, 'w']) },
  { name: 'MatMul of tokens with a vector', record: [3, 5], parameters: { w: [5] }, width: 3, build: (graph, x) => graph.op('MatMul', [x, 'w']) },
  elementwise('Add', [4], (graph, x) => graph.op('Add', [x, 'p'])),
  elementwise('Sub', [3, 1], (graph, x) => graph.op('Sub', ['p', x])),
  elementwise('Mul', [1, 3, 4], (graph, x) => graph.op('Mul', [x, 'p'])),
  elementwise('Mul', [], (graph, x) => graph.op('Mul', [x, 'p'])),
  elementwise('Div', [1, 1], (graph, x) => graph.op('Div', [x, 'p'])),
  elementwise('Pow', [4], (graph, x) => graph.op('Pow', [graph.op('Exp', [x]), 'p'])),
  elementwise('Max', [4], (graph, x) => graph.op('Max', [x, 'p']), [-0.5, 0.5]),
  elementwise('PRelu', [3, 1], (graph, x) => graph.op('PRelu', [x, 'p'])),
  elementwise('Where', [4], (graph, x) => graph.op('Where', [graph.op('Greater', [x, graph.float(0)]), x, 'p'])),
  { name: 'norms per token', record: [3, 5], parameters: { w: [5, 4] }, width: 3, build: (graph, x) => graph.op('ReduceL2', [graph.op('MatMul', [x, 'w']), graph.ints(2)], { keepdims: attr.int(0) }) },
  { name: 'maximum over tokens', record: [3, 5], parameters: { w: [5, 4] }, width: 4, build: (graph, x) => graph.op('ReduceMax', [graph.op('MatMul', [x, 'w']), graph.ints(1)], { keepdims: attr.int(0) }) },
  { name: 'Conv', record: image, parameters: { w: [3, 2, 3, 3], b: [3] }, width: 60, build: (graph, x) => graph.op('Conv', [x, 'w', 'b'], { pads: ints([1, 1, 1, 1]) }) },
  { name: 'Conv grouped, strided, dilated', record: [4, 7, 7], parameters: { w: [6, 2, 2, 3], b: [6] }, width: 54, build: (graph, x) => graph.op('Conv', [x, 'w', 'b'], { group: attr.int(2), strides: ints([2, 1]), dilations: ints([2, 2]) }) },
  { name: 'Conv depthwise', record: image, parameters: { w: [2, 1, 3, 3] }, width: 12, build: (graph, x) => graph.op('Conv', [x, 'w'], { group: attr.int(2) }) },
  { name: 'Conv over one axis', record: [2, 7], parameters: { w: [3, 2, 3], b: [3] }, width: 15, build: (graph, x) => graph.op('Conv', [x, 'w', 'b']) },
  { name: 'ConvTranspose', record: image, parameters: { w: [2, 3, 2, 2], b: [3] }, width: 240, build: (graph, x) => graph.op('ConvTranspose', [x, 'w', 'b'], { strides: ints([2, 2]) }) },
  normalization('BatchNormalization, frozen', { scale: [2], shift: [2] }, (graph, x) => graph.op('BatchNormalization', [x, 'scale', 'shift', graph.constant('float32', [2], [0.1, -0.2]), graph.constant('float32', [2], [0.5, 1.5])])),
  normalization('LayerNormalization', { scale: [4], shift: [4] }, (graph, x) => graph.op('LayerNormalization', [x, 'scale', 'shift'])),
  normalization('InstanceNormalization', { scale: [2], shift: [2] }, (graph, x) => graph.op('InstanceNormalization', [x, 'scale', 'shift'])),
  normalization('GroupNormalization per group', { scale: [1], shift: [1] }, (graph, x) => graph.op('GroupNormalization', [x, 'scale', 'shift'], { num_groups: attr.int(1) })),
  normalization('GroupNormalization per channel', { scale: [2], shift: [2] }, (graph, x) => graph.op('GroupNormalization', [x, 'scale', 'shift'], { num_groups: attr.int(1) }), { opset: 21 }),
  { name: 'Gather of an embedding', record: [5], indices: 4, parameters: { table: [4, 3] }, width: 15, build: (graph, x) => graph.op('Gather', ['table', x]) },
  {
    name: 'a class token expanded to every record', record: [2, 3], parameters: { token: [1, 1, 3], w: [3, 3] }, width: 9,
    build: (graph, x) => {
      const shape = graph.op('Concat', [graph.op('Shape', [x], { end: attr.int(1) }), graph.ints(1, 3)], { axis: attr.int(0) });
      const tokens = graph.op('Concat', [graph.op('Expand', ['token', shape]), x], { axis: attr.int(1) });
      return graph.op('MatMul', [tokens, 'w']);
    },
  },
  {
    name: 'a class token that is not trained', record: [2, 3], parameters: { w: [3, 3] }, width: 9,
    build: (graph, x) => {
      const shape = graph.op('Concat', [graph.op('Shape', [x], { end: attr.int(1) }), graph.ints(1, 3)], { axis: attr.int(0) });
      const token = graph.op('Expand', [graph.initializer('token', 'float32', [1, 1, 3], [0.5, -1, 2]), shape]);
      return graph.op('MatMul', [graph.op('Concat', [token, x], { axis: attr.int(1) }), 'w']);
    },
  },
  {
    name: 'one weight used twice', record: [4], parameters: { w: [4, 4] }, width: 4,
    build: (graph, x) => graph.op('MatMul', [graph.op('Tanh', [graph.op('MatMul', [x, 'w'])]), 'w']),
  },
  {
    name: 'one weight used twice, once transposed', record: [4], parameters: { w: [4, 3] }, width: 4,
    build: (graph, x) => graph.op('MatMul', [graph.op('Tanh', [graph.op('MatMul', [x, 'w'])]), graph.op('Transpose', ['w'])]),
  },
  {
    name: 'a weight behind Reshape and Transpose', record: [4], parameters: { w: [6, 2] }, width: 3,
    build: (graph, x) => graph.op('MatMul', [x, graph.op('Transpose', [graph.op('Reshape', ['w', graph.ints(3, 4)])])]),
  },
  {
    name: 'a weight that is scaled first, without a per-record rule', record: [4], parameters: { w: [4, 3] }, width: 3,
    build: (graph, x) => graph.op('MatMul', [x, graph.op('Mul', ['w', graph.float(0.5)])]),
  },
  {
    name: 'all of a small network', record: image, parameters: { w: [3, 2, 3, 3], b: [3], scale: [3], shift: [3], fc: [6, 5], fcb: [5] }, width: 5,
    build: (graph, x) => {
      const features = graph.op('Relu', [graph.op('InstanceNormalization', [graph.op('Conv', [x, 'w', 'b'], { pads: ints([1, 1, 1, 1]) }), 'scale', 'shift'])]);
      const pooled = graph.op('MaxPool', [features], { kernel_shape: ints([3, 2]), strides: ints([3, 2]) });
      return graph.op('Sigmoid', [graph.op('Gemm', [graph.op('Flatten', [pooled]), 'fc', 'fcb'])]);
    },
  },
];

const optionsFor = (model: RecordModel, batch: number, clipping?: ClippingOptions): TrainingOptions => ({
  trainable: Object.keys(model.parameters), output: 'logits', loss: 'cross-entropy', optimizer: { kind: 'none' }, batch, ...(clipping && { clipping }),
});

/** Norms and clipped sum by running each record alone and clipping outside the graph, in double precision. */
async function oneByOne(model: RecordModel, batch: Batch, mask: readonly number[]): Promise<{ norms: number[]; sums: Record<string, Float64Array> }> {
  const single = await trainer(modelOf(model), optionsFor(model, 1));
  const norms: number[] = [];
  const sums: Record<string, Float64Array> = {};
  for (const [index, present] of mask.entries()) {
    const { gradients } = await single.run(recordOf(batch, records, index));
    const norm = Math.hypot(...Object.values(gradients).flatMap((values) => [...values]));
    norms.push(present * norm);
    for (const [key, values] of Object.entries(gradients)) {
      const sum = (sums[key] ??= new Float64Array(values.length));
      values.forEach((value, position) => { sum[position] = (sum[position] as number) + present * value * Math.min(1, clippingNorm / norm); });
    }
  }
  await single.release();
  return { norms, sums };
}

async function compare(model: RecordModel, clipping: ClippingOptions, mask = [1, 1, 0, 1, 1, 0]): Promise<{ sums: number; norms: number; microbatch: number; clipped: number }> {
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
    const x = (first.features['x'] as Float32Array).map((value, position) => (mask[Math.floor(position / size)] === 1 ? value : Number((other.features['x'] as Float32Array)[position])));
    const labels = first.labels.map((value, position) => (mask[position] === 1 ? value : (other.labels[position] as bigint)));
    const before = await own.run({ ...first, mask, clippingNorm });
    const after = await own.run({ features: { x }, labels, mask, clippingNorm });
    await own.release();
    expect(x).not.toEqual(first.features['x']);
    expect(after).toEqual(before);
  });

  it('is a gradient of zero and a loss of zero when nobody is present', async () => {
    const own = await trainer(modelOf(model), optionsFor(model, records, {}));
    const { gradients, norms, loss } = await own.run({ ...batchOf(model, records), mask: new Float32Array(records), clippingNorm });
    await own.release();
    expect(Object.values(gradients).every((values) => values.every((value) => value === 0))).toBe(true);
    expect([...norms!, ...loss]).toEqual(Array<number>(records + 1).fill(0));
  });
});

describe('operators that mix records', () => {
  const mixing: RecordModel[] = [
    { name: 'Softmax over the records', record: [4], parameters: { w: [4, 4] }, width: 4, build: (graph, x) => graph.op('Softmax', [graph.op('MatMul', [x, 'w'])], { axis: attr.int(0) }) },
    { name: 'a mean over the records', record: [4], parameters: { w: [4, 4] }, width: 4, build: (graph, x) => graph.op('Sub', [graph.op('MatMul', [x, 'w']), graph.op('ReduceMean', [x, graph.ints(0)])]) },
    { name: 'records in reverse', record: [4], parameters: { w: [4, 4] }, width: 4, build: (graph, x) => graph.op('Slice', [graph.op('MatMul', [x, 'w']), graph.ints(-1), graph.ints(-1000), graph.ints(0), graph.ints(-1)]) },
    { name: 'records shifted by padding', record: [4], parameters: { w: [4, 4] }, width: 4, build: (graph, x) => graph.op('Pad', [graph.op('MatMul', [x, 'w']), graph.ints(1, 0, -1, 0)]) },
    { name: 'similarities between records', record: [4], parameters: { w: [4, 4] }, width: 4, build: (graph, x) => graph.op('MatMul', [graph.op('MatMul', [x, graph.op('Transpose', [x])]), graph.op('MatMul', [x, 'w'])]) },
    {
      name: 'a branch that reads all records', record: [4], parameters: { w: [4, 4] }, width: 4,
      build: (graph, x) => {
        const branch = (name: string, axes: number[]) => {
          const inner = new GraphBuilder(name);
          inner.op('ReduceSum', [x, inner.constant('int64', [axes.length], axes)], {}, name);
          inner.output(name, 'float32', ['rows', 'columns']);
          return attr.graph(inner.graph);
        };
        const condition = graph.constant('bool', [], [1]);
        return graph.op('Add', [graph.op('MatMul', [x, 'w']), graph.op('If', [condition], { then_branch: branch('all', [0, 1]), else_branch: branch('one', [1]) })]);
      },
    },
    { name: 'a running sum over the records', record: [4], parameters: { w: [4, 4] }, width: 4, build: (graph, x) => graph.op('MatMul', [graph.op('CumSum', [x, graph.constant('int64', [], [0])]), 'w']) },
  ];

  it.each(mixing)('$name is refused', async (model) => {
    await expect(trainer(modelOf(model), optionsFor(model, records, {}))).rejects.toMatchObject({ code: 'AUTODIFF_RECORDS_MIXED' });
  });

  it('is refused for batch statistics that the model asks for itself', async () => {
    const model = normalization('training', { scale: [2], shift: [2] }, (graph, x) => graph.op('BatchNormalization', [x, 'scale', 'shift', graph.constant('float32', [2], [0.1, -0.2]), graph.constant('float32', [2], [0.5, 1.5])], { training_mode: attr.int(1) }, 3)[0]);
    await expect(trainer(modelOf(model), optionsFor(model, 1, {}))).rejects.toMatchObject({ code: 'AUTODIFF_OPTIONS', message: expect.stringContaining('training_mode') as string });
  });

  it('is refused for batch statistics', async () => {
    const model = models.find(({ name }) => name.startsWith('BatchNormalization'))!;
    await expect(trainer(modelOf(model), { ...optionsFor(model, records, {}), batchNormalization: 'training' })).rejects.toMatchObject({ code: 'AUTODIFF_OPTIONS' });
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
    const limited = await trainer(modelOf(model), { ...optionsFor(model, records, {}), memoryLimitBytes: whole.graph.memoryBytes - 1 });
    expect(limited.graph.microbatch).toBe(3);
    expect(limited.graph.memoryBytes).toBeLessThan(whole.graph.memoryBytes);
    const batch = batchOf(model, records);
    const [expected, actual] = [await whole.run({ ...batch, clippingNorm }), await limited.run({ ...batch, clippingNorm })];
    expect(relativeDifference(actual.gradients, expected.gradients)).toBeLessThan(1e-6);
    expect(relativeDifference({ norms: actual.norms! }, { norms: expected.norms! })).toBeLessThan(1e-6);
    await Promise.all([whole.release(), limited.release()]);
  });

  it('counts what optimisers, several steps, noise and pieces hold in copies of the parameters', async () => {
    const weights = 4 * Object.values(model.parameters).reduce((sum, dims) => sum + elementCount(dims), 0);
    const stated = async (extra: Partial<TrainingOptions>) => (await trainingGraph(modelOf(model), { ...optionsFor(model, 1), optimizer: { kind: 'sgd' }, ...extra })).memoryBytes;
    const copies = async (more: Partial<TrainingOptions>, less: Partial<TrainingOptions> = {}) => ((await stated(more)) - (await stated(less))) / (1.1 * weights);
    // gradient and six intermediate values, and two slots that are fed, computed and twice returned
    expect(await copies({ optimizer: { kind: 'adam' } })).toBeCloseTo(7 + 8, 1);
    const clipped = { clipping: {} };
    expect(await copies({ clipping: { noise: true } }, clipped)).toBeCloseTo(2, 1);
    expect(await copies({ proximal: { mu: 1 } }, { optimizer: { kind: 'sgd', momentum: 0 } })).toBeCloseTo(3 + 3, 1);
  });

  it('counts a frozen part once, and only as much of it as lives at a time', async () => {
    const layers = 12;
    const deep: RecordModel = {
      name: 'deep', record: [64, 64], parameters: { w: [64, 3], f: [64, 64] }, width: 192,
      build: (graph, x) => {
        let value = x;
        for (let layer = 0; layer < layers; layer++) value = graph.op('Tanh', [graph.op('MatMul', [value, 'f'])]);
        return graph.op('MatMul', [value, 'w']);
      },
    };
    const stated = async (trainable: string[]) => (await trainingGraph(modelOf(deep), { ...optionsFor(deep, 32), trainable })).memoryBytes;
    const value = 1.1 * 4 * 32 * 64 * 64;
    expect(await stated(['f', 'w'])).toBeGreaterThan(4 * layers * value);
    expect(await stated(['w'])).toBeLessThan(5 * value);
  });

  it('is refused when one record alone needs more', async () => {
    await expect(trainer(modelOf(model), { ...optionsFor(model, records, {}), memoryLimitBytes: 1000 })).rejects.toMatchObject({ code: 'AUTODIFF_MEMORY_LIMIT' });
  });
});
