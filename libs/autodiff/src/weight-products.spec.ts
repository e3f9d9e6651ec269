import { GraphBuilder, attr, elementCount, type Model } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { options } from '../test/small-model.js';
import { relativeDifference, trainer } from '../test/training-run.js';
import { randomSource, uniform } from './random.js';
import { trainingGraph, type TrainingOptions } from './index.js';

describe('large convolutions', () => {
  it('get the same weight gradient from one product as from one per record', async () => {
    const graph = new GraphBuilder('wide');
    const input = graph.input('x', 'float32', ['batch', 128, 2, 2]);
    graph.initializer('w', 'float32', [256, 128, 3, 3], uniform(randomSource(4), 256 * 128 * 9, -0.05, 0.05));
    const pooled = graph.op('GlobalAveragePool', [
      graph.op('Tanh', [graph.op('Conv', [input, 'w'], { pads: attr.ints([1, 1, 1, 1]) })]),
    ]);
    graph.op('Flatten', [pooled], {}, 'logits');
    graph.output('logits');
    const batch = 64;
    const data = {
      features: { x: uniform(randomSource(6), batch * 512) },
      labels: uniform(randomSource(7), batch * 256),
    };
    const run = async (extra: Partial<TrainingOptions>) => {
      const own = await trainer(graph.model(), { ...options, batch, ...extra });
      const { gradients } = await own.run({ ...data, clippingNorm: 1e6 });
      await own.release();
      return gradients['w']!;
    };
    const [whole, rows] = [await run({}), await run({ clipping: {} })];
    expect(relativeDifference({ w: whole.map((value) => value * batch) }, { w: rows })).toBeLessThan(1e-5);
  });
});

describe("a step of plain SGD, which is part of the gradient's own product", () => {
  const [inputs, outputs] = [12, 10];
  const features = uniform(randomSource(8), 4 * inputs);
  const dense = (weight: number[], build: (graph: GraphBuilder, x: string) => string): Model => {
    const graph = new GraphBuilder('dense');
    const value = graph.input('x', 'float32', ['batch', inputs]);
    graph.initializer('w', 'float32', weight, uniform(randomSource(9), elementCount(weight)));
    graph.initializer('b', 'float32', [outputs], uniform(randomSource(10), outputs));
    graph.op('Identity', [build(graph, value)], {}, 'logits');
    graph.output('logits');
    return graph.model();
  };
  const models: [string, Model][] = [
    [
      'weights stored [inputs, outputs]',
      dense([inputs, outputs], (graph, value) => graph.op('Gemm', [value, 'w', 'b'])),
    ],
    [
      'weights stored [outputs, inputs]',
      dense([outputs, inputs], (graph, value) => graph.op('Gemm', [value, 'w', 'b'], { transB: attr.int(1) })),
    ],
    [
      'weights that are reshaped first',
      dense([inputs * outputs], (graph, value) =>
        graph.op('Add', [graph.op('MatMul', [value, graph.op('Reshape', ['w', graph.ints(inputs, outputs)])]), 'b']),
      ),
    ],
    [
      'a weight vector as a column',
      dense([inputs], (graph, value) =>
        graph.op('Mul', [graph.op('MatMul', [value, graph.op('Unsqueeze', ['w', graph.ints(1)])]), 'b']),
      ),
    ],
  ];

  it.each(models)('is p − η·gradient for %s', async (_name, model) => {
    const common = { ...options, trainable: ['w', 'b'], batch: 4 };
    const data = {
      features: { x: features },
      labels: uniform(randomSource(11), 4 * outputs),
      mask: Float32Array.of(1, 0, 1, 1),
      learningRate: 0.3,
    };
    const [plain, stepping] = [
      await trainer(model, common),
      await trainer(model, { ...common, optimizer: { kind: 'sgd' } }),
    ];
    const [{ gradients }, { parameters }] = [await plain.run(data), await stepping.run(data)];
    await Promise.all([plain.release(), stepping.release()]);
    const expected = Object.entries(gradients).map(
      ([key, gradient]) =>
        [
          key,
          gradient.map(
            (slope, index) => (model.graph.initializers.get(key)!.data as Float32Array)[index]! - 0.3 * slope,
          ),
        ] as const,
    );
    expect(relativeDifference(parameters, Object.fromEntries(expected))).toBeLessThan(1e-6);
  });

  it('computes a product with a large trained weight with that weight on the left', async () => {
    const [, model] = models[1]!;
    const left = async (extra: Partial<TrainingOptions>) => {
      const { graph } = (await trainingGraph(model, { ...options, trainable: ['w', 'b'], batch: 4, ...extra })).model;
      return graph.nodes.some(({ op, inputs: operands }) => op === 'Gemm' && operands[0] === 'w');
    };
    expect([
      await left({}),
      await left({ batch: 400 }),
      await left({ clipping: {} }),
      await left({ trainable: ['b'] }),
    ]).toEqual([true, false, false, false]);
  });
});
