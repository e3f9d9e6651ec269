import { GraphBuilder, attr, dataTypeCode, type DataType, type Model } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { compareElement } from './gradient-check.js';
import { checkGradients } from './index.js';
import { randomSource, uniform } from './random.js';

function classifier(scale: number): Model {
  const random = randomSource(9);
  const graph = new GraphBuilder('classifier');
  const x = graph.input('x', 'float32', ['batch', 1, 6, 6]);
  graph.initializer('w', 'float32', [4, 1, 3, 3], uniform(random, 36, -scale, scale));
  graph.initializer('fc', 'float32', [16, 3], uniform(random, 48));
  graph.initializer('b', 'float32', [3], uniform(random, 3));
  const features = graph.op('MaxPool', [graph.op('Relu', [graph.op('Conv', [x, 'w'])])], {
    kernel_shape: attr.ints([2, 2]),
    strides: attr.ints([2, 2]),
  });
  graph.op('Gemm', [graph.op('Flatten', [features]), 'fc', 'b'], {}, 'logits');
  graph.output('logits');
  return graph.model();
}

const toFloat = { to: attr.int(dataTypeCode('float32')) };
const toIndex = { to: attr.int(dataTypeCode('int64')) };

/** Numbers of any type times a weight. */
function casting(type: DataType): Model {
  const graph = new GraphBuilder('casting');
  const weight = graph.initializer('weight', 'float32', [4, 2], uniform(randomSource(3), 8));
  graph.output(
    graph.op('MatMul', [graph.op('Cast', [graph.input('x', type, ['batch', 4])], toFloat), weight], {}, 'y'),
  );
  return graph.model();
}

/** Rows of a table, picked by numbers that are moved up by `shift` first. */
function embedding(type: DataType, rows: number, shift = 0): Model {
  const graph = new GraphBuilder('embedding');
  const table = graph.initializer('table', 'float32', [rows, 3], uniform(randomSource(4), 3 * rows));
  const index = graph.op('Cast', [graph.input('x', type, ['batch', 2])], toIndex);
  const picked = shift === 0 ? index : graph.op('Add', [index, graph.ints(shift)]);
  graph.output(graph.op('Flatten', [graph.op('Gather', [table, picked])], {}, 'y'));
  return graph.model();
}

/** Adds Relu(weight) to every record, so that each weight is its own distance from a kink; 3 lets all gradients weigh alike. */
function kinked(weights: readonly number[]): Model {
  const graph = new GraphBuilder('kinked');
  const weight = graph.initializer('weight', 'float32', [weights.length], weights);
  const moved = graph.op('Add', [graph.input('x', 'float32', ['batch', weights.length]), graph.float(3)]);
  graph.output(graph.op('Add', [moved, graph.op('Relu', [weight])], {}, 'y'));
  return graph.model();
}

const options = { trainable: ['w', 'fc', 'b'], output: 'logits', loss: 'cross-entropy', batch: 4 } as const;

describe('checkGradients', () => {
  it('finds correct gradients correct, although the network has kinks', async () => {
    const checks = await checkGradients(classifier(1), options);
    expect(checks.map(({ parameter, compared }) => [parameter, compared])).toEqual([
      ['w', 20],
      ['fc', 20],
      ['b', 3],
    ]);
    expect(Math.max(...checks.map(({ difference }) => difference))).toBeLessThan(3e-3);
  });

  it('finds a gradient wrong where none exists', async () => {
    // every convolution gives exactly 0, the kink of Relu: its rule says 0, the finite difference half the slope
    const [w, , b] = await checkGradients(classifier(0), options);
    expect(w!.difference).toBeGreaterThan(0.05);
    expect(b!.difference).toBeLessThan(3e-3);
  });

  it.each<DataType>([
    'bool',
    'int8',
    'int16',
    'int32',
    'int64',
    'uint8',
    'uint16',
    'uint32',
    'uint64',
    'float16',
    'float32',
    'float64',
    'string',
  ])('feeds inputs of type %s', async (type) => {
    const [check] = await checkGradients(casting(type), { trainable: ['weight'], output: 'y', loss: 'mse', batch: 4 });
    expect(check).toMatchObject({ compared: 8, leftOut: 0, zero: false });
    expect(check!.difference).toBeLessThan(1e-3);
  });

  it.each<[DataType, number]>([
    ['int64', 1],
    ['int32', 1],
    ['uint8', 1],
    ['bool', 1],
    ['int64', 5],
  ])('picks by %s within %i rows', async (type, rows) => {
    const [check] = await checkGradients(embedding(type, rows), {
      trainable: ['table'],
      output: 'y',
      loss: 'mse',
      batch: 16,
    });
    expect(check).toMatchObject({ compared: 3 * rows, zero: false });
    expect(check!.difference).toBeLessThan(1e-3);
  });

  it('names what the runtime refuses', async () => {
    await expect(
      checkGradients(embedding('int64', 3, 5), { trainable: ['table'], output: 'y', loss: 'mse', batch: 4 }),
    ).rejects.toMatchObject({ code: 'ONNX_RUNTIME' });
  });

  it('leaves out what lies at a kink and says how much', async () => {
    const checks = await checkGradients(kinked([0.0008, 0.003, 0.5, -0.5]), {
      trainable: ['weight'],
      output: 'y',
      loss: 'mse',
      batch: 4,
    });
    expect(checks).toMatchObject([{ compared: 3, leftOut: 1 }]);
    expect(checks[0]!.difference).toBeLessThan(1e-3);
  });

  it('says where nothing was tested', async () => {
    const checks = await checkGradients(kinked([-0.5, -0.7]), {
      trainable: ['weight'],
      output: 'y',
      loss: 'mse',
      batch: 4,
    });
    expect(checks).toEqual([{ parameter: 'weight', compared: 2, leftOut: 0, difference: 0, zero: true }]);
  });
});

describe('compareElement', () => {
  const margin = 0.005;
  /** Slope 2 below the kink at 0 and −1 above it, with the curvature and rounding of a loss in float32. */
  const lossOf = (values: Float32Array) => () => {
    const [w = 0] = values;
    return Promise.resolve(Math.fround(1 + (w < 0 ? 2 : -1) * w + 0.5 * w ** 2));
  };
  const compared = async (weight: number, gradient: number) => {
    const values = Float32Array.of(weight);
    const result = await compareElement(values, 0, gradient, margin, lossOf(values));
    expect(values).toEqual(Float32Array.of(weight));
    return result;
  };

  it.each([
    [-0.3, 1.7],
    [0.3, -0.7],
    [0.004, -0.996],
    [-0.004, 1.996],
  ])('finds a gradient right near no kink: at %d %d', async (weight, gradient) => {
    const { distance, atKink } = await compared(weight, gradient);
    expect([distance < margin, atKink]).toEqual([true, false]);
  });

  it.each([
    [-1e-6, 2],
    [1e-6, -1],
    [-0.0002, 2],
    [0.0002, -1],
    [0.0008, -1],
  ])('leaves out what the kink explains: at %d %d', async (weight, gradient) => {
    expect(await compared(weight, gradient)).toMatchObject({ atKink: true });
  });

  it.each([
    // no kink within any offset: twice, half, none, opposite, a little beside
    [0.3, -1.4],
    [0.3, -0.35],
    [0.3, 0],
    [0.3, 0.7],
    [0.3, -0.72],
    [-0.3, 1.72],
    // a kink within the widest, the middle and every offset
    [0.01, -2],
    [0.01, 0],
    [0.01, 1],
    [0.003, -2],
    [0.003, 0],
    [0.003, -0.95],
    [0.0002, -2],
    [0.0002, 0],
    [0.0002, -1.05],
    [-0.0002, 4],
    [-0.0002, 1.95],
  ])('finds a wrong gradient wrong: at %d %d', async (weight, gradient) => {
    const { distance, atKink } = await compared(weight, gradient);
    expect([distance > margin, atKink]).toEqual([true, false]);
  });
});
