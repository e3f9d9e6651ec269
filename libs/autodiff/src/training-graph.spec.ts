import { GraphBuilder, attr, decodeModel, elementCount, type Model } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { Logistic } from '../test/logistic.js';
import { randomSource, uniform } from './random.js';
import { relativeDifference, trainer } from '../test/training-run.js';
import { trainingGraph, type TrainingOptions } from './index.js';

const options: TrainingOptions = {
  trainable: ['w'],
  output: 'logits',
  loss: 'mse',
  optimizer: { kind: 'none' },
  batch: 4,
};

function small(build: (graph: GraphBuilder, x: string) => string, opset = 20): Model {
  const graph = new GraphBuilder('small');
  const x = graph.input('x', 'float32', ['batch', 3]);
  graph.initializer('w', 'float32', [3, 2], uniform(randomSource(5), 6));
  graph.op('Identity', [build(graph, x)], {}, 'logits');
  graph.output('logits');
  return graph.model({ opset });
}

const linear = small((graph, x) => graph.op('MatMul', [x, 'w']));
const x = uniform(randomSource(1), 12);
const labels = uniform(randomSource(2), 8);

async function gradientOf(model: Model): Promise<Float32Array> {
  const own = await trainer(model, options);
  const { gradients } = await own.run({ features: { x }, labels });
  await own.release();
  return gradients['w']!;
}

describe('a training graph', () => {
  it('is made of standard operators only and keeps nothing behind the logits', async () => {
    const problem = new Logistic(3, 4);
    const { bytes } = await trainingGraph(
      problem.model(),
      problem.options({ optimizer: { kind: 'adam' }, clipping: {}, localSteps: 2 }),
    );
    const { graph, opsets } = decodeModel(bytes);
    expect([...opsets.keys()]).toEqual(['']);
    expect(graph.nodes.every(({ domain }) => domain === '')).toBe(true);
    expect(JSON.stringify(graph.nodes.map(({ outputs }) => outputs))).not.toContain('probability');
  });

  it('is the same whenever it is written', async () => {
    const problem = new Logistic(3, 4);
    const [first, second] = [
      await trainingGraph(problem.model(), problem.options({ clipping: {} })),
      await trainingGraph(problem.model(), problem.options({ clipping: {} })),
    ];
    expect(first.bytes).toEqual(second.bytes);
  });

  it('leaves the model it was made from alone', async () => {
    const problem = new Logistic(3, 4);
    const model = problem.model();
    const before = structuredClone(model);
    await trainingGraph(model, problem.options({ optimizer: { kind: 'sgd' } }));
    expect(model).toEqual(before);
  });

  it('gives way to names the model already uses', async () => {
    const model = small((graph, value) =>
      graph.op('MatMul', [graph.op('Tanh', [value], {}, 'labels'), 'w'], {}, 'mask'),
    );
    const { inputs } = await trainingGraph(model, options);
    expect([inputs.labels.name, inputs.mask?.name]).toEqual(['labels_1', 'mask_1']);
    expect(await gradientOf(model)).toHaveLength(6);
  });

  it('takes shapes that are computed in the graph', async () => {
    const computed = small((graph, value) => {
      const rows = graph.op('Gather', [graph.op('Shape', [value]), graph.constant('int64', [1], [0])]);
      const cube = graph.op('Reshape', [value, graph.op('Concat', [rows, graph.ints(3, 1)], { axis: attr.int(0) })]);
      return graph.op('MatMul', [
        graph.op('Squeeze', [cube, graph.op('Constant', [], { value_ints: attr.ints([2]) })]),
        'w',
      ]);
    });
    expect(relativeDifference({ w: await gradientOf(computed) }, { w: await gradientOf(linear) })).toBeLessThan(1e-6);
  });

  it('takes the branch of an If that its shapes decide', async () => {
    const branch = (name: string, op: string, read: string, extra: string[] = []) => {
      const inner = new GraphBuilder(name);
      inner.op(op, [read, ...extra], {}, name);
      inner.output(name);
      return attr.graph(inner.graph);
    };
    const decided = small((graph, value) => {
      const columns = graph.op('Gather', [graph.op('Shape', [value]), graph.constant('int64', [], [1])]);
      const condition = graph.op('Equal', [columns, graph.constant('int64', [], [3])]);
      graph.op('MatMul', [value, 'w'], {}, 'product');
      return graph.op('If', [condition], {
        then_branch: branch('kept', 'Identity', 'product'),
        else_branch: branch('negated', 'Neg', 'product'),
      });
    });
    expect(relativeDifference({ w: await gradientOf(decided) }, { w: await gradientOf(linear) })).toBeLessThan(1e-6);
  });

  it('keeps control flow through which no gradient passes, with what it captures', async () => {
    const branch = (name: string) => {
      const graph = new GraphBuilder(name);
      graph.op('Mul', [name, name], {}, `${name}.squared`);
      graph.output(`${name}.squared`, 'float32', [1]);
      return attr.graph(graph.graph);
    };
    const chosen = small((graph, value) => {
      for (const [name, factor] of [
        ['small', 1],
        ['large', 3],
      ] as const)
        graph.initializer(name, 'float32', [1], [factor]);
      const condition = graph.op('Greater', [
        graph.op('ReduceSum', [value], { keepdims: attr.int(0) }),
        graph.float(-1e6),
      ]);
      const factor = graph.op('If', [condition], { then_branch: branch('large'), else_branch: branch('small') });
      return graph.op('MatMul', [graph.op('Mul', [value, factor]), 'w']);
    });
    const ninefold = small((graph, value) => graph.op('MatMul', [graph.op('Mul', [value, graph.float(9)]), 'w']));
    expect(relativeDifference({ w: await gradientOf(chosen) }, { w: await gradientOf(ninefold) })).toBeLessThan(1e-6);
  });

  it('accepts opset 13 and writes 18', async () => {
    const means = (graph: GraphBuilder, value: string, modern: boolean) => {
      const mean = modern
        ? graph.op('ReduceMean', [value, graph.ints(1)])
        : graph.op('ReduceMean', [value], { axes: attr.ints([1]) });
      const [a, b, c] = graph.op(
        'Split',
        [value],
        { axis: attr.int(1), ...(modern && { num_outputs: attr.int(3) }) },
        3,
      );
      return graph.op('MatMul', [graph.op('Concat', [a, graph.op('Mul', [b, mean]), c], { axis: attr.int(1) }), 'w']);
    };
    const old = small((graph, value) => means(graph, value, false), 13);
    expect((await trainingGraph(old, options)).model.opsets.get('')).toBe(18);
    expect(
      relativeDifference(
        { w: await gradientOf(old) },
        { w: await gradientOf(small((graph, value) => means(graph, value, true))) },
      ),
    ).toBeLessThan(1e-6);
  });

  it('uses the mask Dropout drew when the model asks for training', async () => {
    const size = 4000;
    const graph = new GraphBuilder('dropout');
    graph.initializer('w', 'float32', [1, size], new Float32Array(size).fill(1));
    const training = graph.constant('bool', [], [1]);
    graph.op(
      'Identity',
      [graph.op('Dropout', ['w', graph.float(0.25), training], { seed: attr.int(3) }, 1)[0]!],
      {},
      'logits',
    );
    graph.output('logits');
    const own = await trainer(graph.model(), { ...options, batch: 1 });
    const { gradients } = await own.run({ features: {}, labels: new Float32Array(size) });
    await own.release();
    // kept elements are scaled by 1/(1 − 0.25) forwards and backwards: 2·(4/3)²/size, dropped ones give 0
    const kept = (2 * (4 / 3) ** 2) / size;
    expect([...gradients['w']!].every((value) => value === 0 || Math.abs(value - kept) < 1e-6 * kept)).toBe(true);
    const share = gradients['w']!.filter((value) => value > 0).length / size;
    expect(share).toBeGreaterThan(0.7);
    expect(share).toBeLessThan(0.8);
  });
});

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

describe('what is refused', () => {
  const refusals: [string, Model, Partial<TrainingOptions>, string, string?][] = [
    [
      'an operator without a rule',
      small((graph, value) => graph.op('Sinh', [graph.op('MatMul', [value, 'w'])], {}, 'bent')),
      {},
      'AUTODIFF_NO_RULE',
      'Sinh',
    ],
    [
      'an output in double precision',
      small((graph, value) => graph.op('Cast', [graph.op('MatMul', [value, 'w'])], { to: attr.int(11) })),
      {},
      'AUTODIFF_UNSUPPORTED',
      'float64',
    ],
    [
      'an input that has no records',
      small((graph, value) =>
        graph.op('Add', [graph.op('MatMul', [value, 'w']), graph.input('prior', 'float32', [2])]),
      ),
      {},
      'AUTODIFF_UNSUPPORTED',
      'prior',
    ],
    [
      'a branch that reads a parameter',
      small((graph, value) => {
        const branch = (name: string, sign: string) => {
          const inner = new GraphBuilder(name);
          inner.op(sign, ['w'], {}, name);
          inner.output(name, 'float32', [3, 2]);
          return attr.graph(inner.graph);
        };
        const positive = graph.op('Greater', [
          graph.op('ReduceSum', [value], { keepdims: attr.int(0) }),
          graph.float(0),
        ]);
        return graph.op('MatMul', [
          value,
          graph.op('If', [positive], {
            then_branch: branch('as-is', 'Identity'),
            else_branch: branch('negated', 'Neg'),
          }),
        ]);
      }),
      {},
      'AUTODIFF_NO_RULE',
      'If',
    ],
    ['an unknown output', linear, { output: 'nowhere' }, 'AUTODIFF_OUTPUT_UNKNOWN', 'nowhere'],
    ['an unknown parameter', linear, { trainable: ['v'] }, 'AUTODIFF_TRAINABLE_UNKNOWN', 'v'],
    [
      'a parameter that is no float',
      small((graph, value) =>
        graph.op('MatMul', [
          graph.op('Gather', [value, graph.initializer('order', 'int64', [3], [2, 1, 0])], { axis: attr.int(1) }),
          'w',
        ]),
      ),
      { trainable: ['order'] },
      'AUTODIFF_TRAINABLE_UNKNOWN',
      'int64',
    ],
    [
      'a parameter that is only a bound of Clip',
      small((graph, value) =>
        graph.op('Clip', [graph.op('MatMul', [value, 'w']), graph.initializer('bound', 'float32', [], [-3])]),
      ),
      { trainable: ['w', 'bound'] },
      'AUTODIFF_TRAINABLE_UNREACHED',
      'bound',
    ],
    [
      'a parameter that is also a bound of Clip',
      small((graph, value) => {
        const bound = graph.initializer('bound', 'float32', [], [0.3]);
        return graph.op('Mul', [graph.op('Clip', [graph.op('MatMul', [value, 'w']), '', bound]), bound]);
      }),
      { trainable: ['w', 'bound'] },
      'AUTODIFF_TRAINABLE_UNREACHED',
      'Clip',
    ],
    [
      'an output whose first axis is not the records',
      small((graph, value) => graph.op('Transpose', [graph.op('MatMul', [value, 'w'])])),
      {},
      'AUTODIFF_OUTPUT_SHAPE',
      '[2, 4]',
    ],
    [
      'an output that is a mean over the records',
      small((graph, value) => graph.op('ReduceMean', [graph.op('MatMul', [value, 'w']), graph.ints(0)])),
      {},
      'AUTODIFF_OUTPUT_SHAPE',
      '[1, 2]',
    ],
    [
      'pieces of a batch whose size the model fixes',
      small((graph, value) => graph.op('Reshape', [graph.op('MatMul', [value, 'w']), graph.ints(4, 2)])),
      { clipping: { microbatch: 2 } },
      'AUTODIFF_OUTPUT_SHAPE',
      'For 2 records',
    ],
    [
      'a parameter behind the output',
      small((graph, value) => {
        graph.op('MatMul', [value, graph.initializer('unused', 'float32', [3, 2], [1, 2, 3, 4, 5, 6])]);
        return graph.op('MatMul', [value, 'w']);
      }),
      { trainable: ['w', 'unused'] },
      'AUTODIFF_TRAINABLE_UNREACHED',
      'unused',
    ],
    ['an old opset', { ...linear, opsets: new Map([['', 12]]) }, {}, 'ONNX_UNSUPPORTED_VERSION', '12'],
    [
      'double precision between parameter and loss',
      small((graph, value) => {
        const wide = (name: string) => graph.op('Cast', [name], { to: attr.int(11) });
        return graph.op('Cast', [graph.op('MatMul', [wide(value), wide('w')])], { to: attr.int(1) });
      }),
      {},
      'AUTODIFF_UNSUPPORTED',
      'float32',
    ],
    ['no parameters', linear, { trainable: [] }, 'AUTODIFF_OPTIONS'],
    ['a parameter twice', linear, { trainable: ['w', 'w'] }, 'AUTODIFF_OPTIONS'],
    ['a batch of 0', linear, { batch: 0 }, 'AUTODIFF_OPTIONS'],
    ['a microbatch that does not divide the batch', linear, { clipping: { microbatch: 3 } }, 'AUTODIFF_OPTIONS'],
    ['several steps without an optimiser', linear, { localSteps: 2 }, 'AUTODIFF_OPTIONS'],
    ['noise without an optimiser', linear, { clipping: { noise: true } }, 'AUTODIFF_OPTIONS'],
    ['a proximal term on a clipped sum', linear, { clipping: {}, proximal: { mu: 1 } }, 'AUTODIFF_OPTIONS'],
  ];

  it.each(refusals)('%s', async (_name, model, extra, code, mention = '') => {
    await expect(trainingGraph(model, { ...options, ...extra })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(mention) as string,
    });
  });

  it('names the node and says what to do', async () => {
    await expect(trainingGraph(refusals[0]![1], options)).rejects.toThrow(/Sinh[\s\S]*Replace it/);
  });
});
