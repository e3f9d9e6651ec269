import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Session } from '@koinon/onnx-runtime';
import { describe, expect, it } from 'vitest';
import {
  GraphBuilder,
  attr,
  checkModel,
  decodeModel,
  encodeModel,
  openSession,
  quantizeIfBetter,
  quantizeModel,
  runSession,
  tensorOf,
} from '../index.js';
import { chooseVariant } from './compare.js';
import type { CalibrationMethod, Feeds, Model, NumericData, Tensor } from '../index.js';
import { logisticModel } from '../models.fixture.js';
import { randomFrom } from '../random.fixture.js';

const random = randomFrom(11);
const normals = (length: number, deviation: number): Float32Array =>
  Float32Array.from(
    { length },
    () => deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );

/** Conv with BatchNormalization, ReLU, a residual sum, pooling and a Gemm: every pattern that the planner knows. */
function residualModel(): Model {
  const graph = new GraphBuilder('residual');
  const conv = (x: string, from: number, to: number): string => {
    const name = graph.fresh('layer');
    const values = {
      weight: normals(to * from * 9, Math.sqrt(1 / (9 * from))),
      gamma: normals(to, 0.1).map((value) => 1 + value),
      beta: normals(to, 0.1),
      mean: normals(to, 0.1),
      variance: normals(to, 0.1).map((value) => 1 + value),
    };
    const [weight, ...statistics] = Object.entries(values).map(([part, data]) =>
      graph.initializer(`${name}.${part}`, 'float32', part === 'weight' ? [to, from, 3, 3] : [to], data),
    );
    const raw = graph.op('Conv', [x, weight!], { pads: attr.ints([1, 1, 1, 1]), kernel_shape: attr.ints([3, 3]) });
    return graph.op('BatchNormalization', [raw, ...statistics]);
  };
  const x = graph.input('x', 'float32', ['batch', 2, 8, 8]);
  const first = graph.op('Relu', [conv(x, 2, 8)]);
  const second = graph.op('Relu', [graph.op('Add', [conv(graph.op('Relu', [conv(first, 8, 8)]), 8, 8), first])]);
  const pooled = graph.op('MaxPool', [second], { kernel_shape: attr.ints([2, 2]), strides: attr.ints([2, 2]) });
  const flat = graph.op('Flatten', [graph.op('GlobalAveragePool', [pooled])]);
  graph.initializer('head', 'float32', [4, 8], normals(32, 0.5));
  graph.initializer('head bias', 'float32', [4], normals(4, 0.5));
  graph.op('Gemm', [flat, 'head', 'head bias'], { transB: attr.int(1) }, 'logits');
  graph.output('logits', 'float32', ['batch', 4]);
  return checkModel(graph.model());
}

const images = (rows: number): Feeds => ({ x: tensorOf('float32', [rows, 2, 8, 8], normals(rows * 128, 1)) });

async function outputOf(model: Model, feeds: Feeds): Promise<Tensor<NumericData>> {
  const session = await openSession(model, 'all');
  const [output] = Object.values(await runSession(session, feeds));
  await session.release();
  return output!;
}

function relativeError(found: Tensor, expected: Tensor): number {
  const pairs = Array.from(
    expected.data as Float32Array,
    (value, index) => [Number(found.data[index]), value] as const,
  );
  return Math.sqrt(
    pairs.reduce((sum, [f, e]) => sum + (f - e) ** 2, 0) / pairs.reduce((sum, [, e]) => sum + e ** 2, 0),
  );
}

/** Operators of the graph that the runtime really executes. */
async function executedOperators(model: Model): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'onnx-optimized-'));
  try {
    const optimizedModelFile = join(folder, 'optimized.onnx');
    const session = await Session.create(encodeModel(model), { optimizedModelFile });
    await session.release();
    return decodeModel(await readFile(optimizedModelFile)).graph.nodes.map(({ op }) => op);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('quantizeModel', () => {
  const model = residualModel();
  const calibration = [images(16), images(16)];
  const methods: CalibrationMethod[] = [
    { kind: 'minmax' },
    { kind: 'percentile', percent: 99.99 },
    { kind: 'entropy' },
  ];

  it.each(methods)('with $kind calibration stays close to the float model', async (method) => {
    const quantized = checkModel(await quantizeModel(model, calibration, method));
    const evaluation = images(32);
    const error = relativeError(await outputOf(quantized, evaluation), await outputOf(model, evaluation));
    expect(error).toBeLessThan(0.1);
    expect(error).toBeGreaterThan(0);
  });

  it('makes patterns that the runtime fuses to integer kernels, with nothing left in floats between them', async () => {
    const operators = await executedOperators(await quantizeModel(model, calibration));
    const count = (name: string): number => operators.filter((op) => op === name).length;
    expect({
      conv: count('QLinearConv'),
      add: count('QLinearAdd'),
      pool: count('QLinearGlobalAveragePool'),
      gemm: count('QGemm'),
    }).toEqual({ conv: 3, add: 1, pool: 1, gemm: 1 });
    expect(
      operators.filter((op) => ['Conv', 'Add', 'Relu', 'Gemm', 'DequantizeLinear', 'BatchNormalization'].includes(op)),
    ).toEqual([]);
    expect(count('QuantizeLinear')).toBe(1);
  });

  it('keeps one scale through a pool of negative values, and routes other readers of an integer result past it', async () => {
    const graph = new GraphBuilder('branches');
    graph.input('x', 'float32', ['batch', 2, 8, 8]);
    graph.initializer('first', 'float32', [4, 2, 1, 1], normals(8, 1));
    graph.initializer('second', 'float32', [3, 4, 1, 1], normals(12, 1));
    // A strong negative bias: pooling then changes the smallest value a lot.
    graph.initializer('bias', 'float32', [4], [-9, -9, -9, -9]);
    const shared = graph.op('Conv', ['x', 'first', 'bias']);
    graph.op('Sigmoid', [shared], {}, 'beside');
    const pooled = graph.op('MaxPool', [shared], { kernel_shape: attr.ints([4, 4]), strides: attr.ints([4, 4]) });
    graph.op('Sigmoid', [graph.op('Conv', [pooled, 'second'])], {}, 'behind');
    for (const name of ['beside', 'behind']) graph.output(name);
    const quantized = await quantizeModel(graph.model(), calibration);
    const operators = await executedOperators(quantized);
    expect(operators.filter((op) => op === 'QLinearConv')).toHaveLength(2);
    expect(operators.filter((op) => op === 'QuantizeLinear')).toHaveLength(1);
  });

  it('makes the weight steps coarser where the bias would not fit into 32 bits', async () => {
    const graph = new GraphBuilder('large bias');
    graph.input('x', 'float32', ['batch', 2]);
    graph.initializer('weight', 'float32', [2, 1], [1e-6, -1e-6]);
    graph.initializer('bias', 'float32', [1], [10]);
    graph.op('Gemm', ['x', 'weight', 'bias'], {}, 'y');
    graph.output('y', 'float32', ['batch', 1]);
    const tiny = { x: tensorOf('float32', [1, 2], [1e-4, 2e-4]) };
    expect((await outputOf(await quantizeModel(graph.model(), [tiny]), tiny)).data[0]).toBeCloseTo(10, 3);
  });

  it('also loads where the runtime is told to avoid saturating kernels', async () => {
    const quantized = await quantizeModel(model, calibration);
    const session = await Session.create(encodeModel(quantized), { exactIntegers: true });
    const evaluation = images(8);
    const { logits } = await runSession(session, evaluation);
    expect(relativeError(logits!, await outputOf(model, evaluation))).toBeLessThan(0.1);
    await session.release();
  });

  it('gives each output channel of a weight its own scale, with at most half a step of error', async () => {
    const wide = logisticModel();
    wide.graph.initializers.set('weight', {
      name: 'weight',
      type: 'float32',
      dims: [3, 2],
      data: new Float32Array([100, 0.01, -50, -0.02, 25, 0.005]),
    });
    wide.graph.initializers.set('bias', { name: 'bias', type: 'float32', dims: [2], data: new Float32Array([3, 0.5]) });
    wide.graph.outputs = [{ name: 'probability' }];
    const { graph } = await quantizeModel(wide, [{ x: tensorOf('float32', [2, 3], [1, 2, 3, -1, 0, 1]) }]);
    const scales = graph.initializers.get('logit/weight/scale')!.data as Float32Array;
    const integers = graph.initializers.get('logit/weight/quantized')!.data as Int8Array;
    expect(scales[0]! / scales[1]!).toBeCloseTo(100 / 0.02, 2);
    [100, 0.01, -50, -0.02, 25, 0.005].forEach((value, index) => {
      expect(Math.abs(integers[index]! * scales[index % 2]! - value)).toBeLessThanOrEqual(
        0.5 * scales[index % 2]! * (1 + 1e-5),
      );
    });
    expect(graph.initializers.get('logit/bias/quantized')!.type).toBe('int32');
    expect(graph.initializers.has('weight')).toBe(false);
  });

  it('keeps the names of outputs when the last node must give integers', async () => {
    const graph = new GraphBuilder('segmentation');
    graph.input('x', 'float32', ['batch', 2, 8, 8]);
    graph.initializer('weight', 'float32', [3, 2, 1, 1], normals(6, 1));
    graph.op('Conv', ['x', 'weight'], {}, 'mask');
    graph.output('mask', 'float32', ['batch', 3, 8, 8]);
    const quantized = checkModel(await quantizeModel(graph.model(), calibration));
    expect(quantized.graph.outputs).toEqual(graph.graph.outputs);
    const evaluation = images(4);
    expect(
      relativeError(await outputOf(quantized, evaluation), await outputOf(graph.model(), evaluation)),
    ).toBeLessThan(0.05);
  });

  it('leaves alone what has no integer kernel: weights a caller may override, scaled Gemm', async () => {
    const overridable = logisticModel();
    overridable.graph.inputs.push({ name: 'weight', type: 'float32', dims: [3, 1] });
    const scaled = logisticModel();
    scaled.graph.nodes[0]!.attributes['alpha'] = attr.float(2);
    const rows = [{ x: tensorOf('float32', [1, 3], [1, 2, 3]) }];
    for (const each of [overridable, scaled]) expect((await quantizeModel(each, rows)).graph).toEqual(each.graph);
  });

  it('finds other names for what it adds where the model has them already', async () => {
    const graph = new GraphBuilder('taken');
    graph.input('x', 'float32', ['batch', 2, 8, 8]);
    for (const [name, dims] of [
      ['first', [3, 2, 1, 1]],
      ['second', [3, 3, 1, 1]],
      ['third', [3, 3, 1, 1]],
    ] as const)
      graph.initializer(name, 'float32', dims, normals(dims[0] * dims[1], 1));
    graph.initializer('x/scale', 'float32', [3], [0.5, 1, 2]);
    for (const [part, values] of Object.entries({ weight: [1, 1, 1], bias: [0, 1, 2], variance: [1, 2, 3] }))
      graph.initializer(`const_1/${part}`, 'float32', [3], values);
    graph.op('Conv', ['x', 'first'], {}, 'x/quantized');
    graph.op(
      'BatchNormalization',
      [
        graph.op('Conv', ['x/quantized', 'second'], {}, 'x/dequantized'),
        'x/scale',
        'const_1/weight',
        'const_1/bias',
        'const_1/variance',
      ],
      {},
      'const_1',
    );
    graph.op('Conv', ['const_1', 'third'], {}, 'mask');
    graph.op('Relu', ['mask'], {}, 'mask/float');
    for (const name of ['mask', 'mask/float']) graph.output(name);
    const quantized = checkModel(await quantizeModel(checkModel(graph.model()), calibration));
    const evaluation = images(4);
    expect(
      relativeError(await outputOf(quantized, evaluation), await outputOf(graph.model(), evaluation)),
    ).toBeLessThan(0.05);
  });

  it('writes opset 18 also for an older model', async () => {
    const old = { ...model, irVersion: 7, opsets: new Map([['', 13]]) };
    const quantized = checkModel(await quantizeModel(old, calibration));
    expect([quantized.opsets.get(''), quantized.irVersion]).toEqual([18, 8]);
    const evaluation = images(8);
    expect(relativeError(await outputOf(quantized, evaluation), await outputOf(old, evaluation))).toBeLessThan(0.1);
  });

  it('does not quantise a quantised model again', async () => {
    const once = await quantizeModel(model, calibration);
    expect(encodeModel(await quantizeModel(once, calibration))).toEqual(encodeModel(once));
  });

  it('is deterministic', async () => {
    expect(encodeModel(await quantizeModel(model, calibration))).toEqual(
      encodeModel(await quantizeModel(model, calibration)),
    );
  });

  it.each<[string, Model, Feeds[], string]>([
    ['no calibration input', model, [], 'ONNX_CALIBRATION'],
    [
      'an input that is not finite',
      model,
      [{ x: tensorOf('float32', [1, 2, 8, 8], new Float32Array(128).fill(NaN)) }],
      'ONNX_CALIBRATION',
    ],
    ['an input of the wrong shape', model, [{ x: tensorOf('float32', [1, 2], [1, 2]) }], 'ONNX_RUNTIME'],
    ['an old opset', { ...model, opsets: new Map([['', 11]]) }, calibration, 'ONNX_UNSUPPORTED_VERSION'],
  ])('refuses %s', async (_, source, inputs, code) => {
    await expect(quantizeModel(source, inputs)).rejects.toThrow(expect.objectContaining({ code }));
  });
});

describe('quantizeIfBetter', () => {
  it('reports both models and returns the one it chose', async () => {
    const model = residualModel();
    const evaluation = images(16);
    const expected = await outputOf(model, evaluation);
    const { model: chosen, report } = await quantizeIfBetter(model, {
      calibration: [images(16)],
      score: async (run) => 1 - relativeError((await run(evaluation))['logits']!, expected),
      tolerance: -1,
      latencyInput: images(1),
    });
    // Nothing is a whole point better than the float model, so it stays.
    expect(report).toMatchObject({ chosen: 'fp32', reason: 'less accurate', fp32: { score: 1 } });
    expect(chosen).toBe(model);
    expect(report.int8.score).toBeGreaterThan(0.9);
    expect(report.int8.bytes).not.toBe(report.fp32.bytes);
    for (const { latencyP50Ms, latencyP95Ms } of [report.fp32, report.int8]) {
      expect(latencyP50Ms).toBeGreaterThan(0);
      expect(latencyP95Ms).toBeGreaterThanOrEqual(latencyP50Ms);
    }
  });

  it('keeps fp32 and says why where no operator has an integer form', async () => {
    const graph = new GraphBuilder('only Relu');
    graph.input('x', 'float32', ['batch', 4]);
    graph.op('Relu', ['x'], {}, 'y');
    graph.output('y', 'float32', ['batch', 4]);
    const model = graph.model();
    const row = { x: tensorOf('float32', [1, 4], [1, -2, 3, -4]) };
    const { model: chosen, report } = await quantizeIfBetter(model, {
      calibration: [row],
      score: () => Promise.resolve(1),
      tolerance: 1,
      latencyInput: row,
    });
    expect(report).toMatchObject({ chosen: 'fp32', reason: 'nothing to quantise', quantizedNodes: 0 });
    expect(report.int8).toEqual(report.fp32);
    expect(chosen).toBe(model);
  });

  it.each([
    ['faster and as good', 0.9, 5, 'int8', 'smaller and as good'],
    ['faster and worse within the tolerance', 0.896, 5, 'int8', 'smaller and as good'],
    ['faster and worse beyond the tolerance', 0.894, 5, 'fp32', 'less accurate'],
    ['slower', 0.95, 10.1, 'fp32', 'slower'],
    ['of no known score', NaN, 5, 'fp32', 'less accurate'],
  ])('for an int8 model that is %s', (_, score, latencyP50Ms, chosen, reason) => {
    const fp32 = { bytes: 100, latencyP50Ms: 10, latencyP95Ms: 20, score: 0.9 };
    expect(chooseVariant(fp32, { bytes: 30, latencyP50Ms, latencyP95Ms: 20, score }, 0.005)).toEqual({
      chosen,
      reason,
    });
  });
});
