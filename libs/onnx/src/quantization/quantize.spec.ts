import { describe, expect, it } from 'vitest';
import { GraphBuilder, attr, checkModel, encodeModel, quantizeModel, tensorOf } from '../index.js';
import type { CalibrationMethod, Feeds, Model } from '../index.js';
import { logisticModel } from '../models.fixture.js';
import { images, normals, outputOf, relativeError, residualModel } from './residual-model.fixture.js';

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
