import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Session } from '@koinon/onnx-runtime';
import { describe, expect, it } from 'vitest';
import { GraphBuilder, attr, decodeModel, encodeModel, quantizeModel, runSession, tensorOf } from '../index.js';
import type { Model } from '../index.js';
import { logisticModel } from '../models.fixture.js';
import { images, normals, outputOf, relativeError, residualModel } from './residual-model.fixture.js';

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

describe('a quantised model in the runtime', () => {
  const model = residualModel();
  const calibration = [images(16), images(16)];

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
});
