import { GraphBuilder, attr, type Model } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { objectiveOf } from './objective.js';

/** x [N, 4] · weight → `logits`, then these operators one after the other; the last gives `y`. */
function endingIn(...ops: readonly string[]): Model {
  const graph = new GraphBuilder('model');
  let value = graph.op(
    'MatMul',
    [graph.input('x', 'float32', ['N', 4]), graph.initializer('weight', 'float32', [4, 2], new Float32Array(8))],
    {},
    'logits',
  );
  ops.forEach((op, index) => {
    value = graph.op(
      op,
      [value],
      op === 'Softmax' ? { axis: attr.int(1) } : {},
      index === ops.length - 1 ? 'y' : undefined,
    );
  });
  graph.output(value);
  return graph.model();
}

describe('objectiveOf', () => {
  it.each([
    [['Sigmoid'], {}, { modelOutput: 'logits', loss: 'binary-cross-entropy' }],
    [['Softmax'], {}, { modelOutput: 'logits', loss: 'cross-entropy' }],
    [['Sigmoid', 'Identity', 'Flatten'], {}, { modelOutput: 'logits', loss: 'binary-cross-entropy' }],
    [['Relu'], {}, { modelOutput: 'y', loss: 'mse' }],
    [[], { loss: 'bce' }, { modelOutput: 'logits', loss: 'binary-cross-entropy' }],
    // what is served is what fits
    [['Sigmoid'], { loss: 'mse' }, { modelOutput: 'y', loss: 'mse' }],
    [['Softmax'], { loss: 'mse' }, { modelOutput: 'y', loss: 'mse' }],
    [['Sigmoid'], { loss: 'mse', modelOutput: 'logits' }, { modelOutput: 'logits', loss: 'mse' }],
    // what a cross-entropy does not contain as it stands is trained as served, unless told otherwise
    [['Sigmoid', 'Transpose'], {}, { modelOutput: 'y', loss: 'mse' }],
    [['HardSigmoid'], {}, { modelOutput: 'y', loss: 'mse' }],
    [
      ['Sigmoid', 'Cast'],
      { loss: 'bce', modelOutput: 'logits' },
      { modelOutput: 'logits', loss: 'binary-cross-entropy' },
    ],
    [['HardSigmoid'], { loss: 'bce', modelOutput: 'logits' }, { modelOutput: 'logits', loss: 'binary-cross-entropy' }],
    // not squashed any more
    [['Sigmoid', 'Relu'], { loss: 'bce' }, { modelOutput: 'y', loss: 'binary-cross-entropy' }],
  ] as const)('takes a model that ends in %j, asked for %j, at %j', (ops, wish, objective) => {
    expect(objectiveOf(endingIn(...ops), wish)).toEqual(objective);
  });

  it.each([
    [['Softmax'], { loss: 'bce' }, 'use --loss cross-entropy'],
    [['Sigmoid'], { loss: 'cross-entropy' }, 'use --loss bce'],
    [['Sigmoid', 'Identity'], { loss: 'cross-entropy', modelOutput: 'y' }, 'use --loss bce'],
    [['Sigmoid'], { loss: 'bce', modelOutput: 'y' }, 'use --model-output "logits", or --loss mse'],
    [['Softmax'], { loss: 'cross-entropy', modelOutput: 'y' }, 'use --model-output "logits", or --loss mse'],
  ] as const)('refuses a model that ends in %j asked for %j', (ops, wish, remedy) => {
    expect(() => objectiveOf(endingIn(...ops), wish)).toThrow(
      expect.objectContaining({ code: 'LOSS_CONTRADICTS_MODEL', message: expect.stringContaining(remedy) as string }),
    );
  });

  it('takes many numbers on a Sigmoid for a layer, not for a rescaled probability', () => {
    const graph = new GraphBuilder('gated');
    const hidden = graph.op('Sigmoid', [graph.input('x', 'float32', ['N', 4])]);
    graph.output(graph.op('Mul', [hidden, graph.initializer('scale', 'float32', [4], [1, 2, 3, 4])], {}, 'y'));
    expect(objectiveOf(graph.model(), { loss: 'bce' })).toEqual({ modelOutput: 'y', loss: 'binary-cross-entropy' });
  });

  it.each([
    ['Sigmoid', 'bce', 'Transpose', 'Clip', 'Cast'],
    ['Sigmoid', 'bce', 'Log'],
    ['Sigmoid', 'bce', 'Neg', 'Identity'],
    ['HardSigmoid', 'bce'],
    ['LogSoftmax', 'cross-entropy'],
    ['Softmax', 'cross-entropy', 'Clip'],
  ] as const)('refuses what a %s has squashed for %s, behind %s too', (op, loss, ...behind) => {
    const message = `"y" holds what the ${op} gives, which ${loss} contains; use --model-output "logits", or --loss mse`;
    expect(() => objectiveOf(endingIn(op, ...behind), { loss })).toThrow(
      expect.objectContaining({ code: 'LOSS_CONTRADICTS_MODEL', message }),
    );
  });

  it.each<[string, (graph: GraphBuilder, probability: string) => string]>([
    ['a column', (graph, probability) => graph.op('Gather', [probability, graph.ints(0)], { axis: attr.int(1) })],
    [
      'a slice',
      (graph, probability) =>
        graph.op('Slice', [
          probability,
          graph.initializer('from', 'int64', [1], [0]),
          graph.initializer('to', 'int64', [1], [1]),
        ]),
    ],
    [
      'a percentage',
      (graph, probability) =>
        graph.op('Mul', [probability, graph.op('Constant', [], { value_float: attr.float(100) })]),
    ],
    ['the other class', (graph, probability) => graph.op('Sub', [graph.float(1), probability])],
    [
      'both classes',
      (graph, probability) =>
        graph.op('Concat', [graph.op('Sub', [graph.float(1), probability]), probability], { axis: attr.int(1) }),
    ],
    ['a bounded value', (graph, probability) => graph.op('Max', [probability, graph.float(0.01)])],
  ])('refuses %s of a Sigmoid', (_, follow) => {
    const { graph, ...model } = endingIn('Sigmoid');
    const builder = new GraphBuilder('end');
    builder.output(follow(builder, 'y'));
    const end = builder.model().graph;
    const whole = {
      ...model,
      graph: {
        ...graph,
        outputs: end.outputs,
        nodes: [...graph.nodes, ...end.nodes],
        initializers: new Map([...graph.initializers, ...end.initializers]),
      },
    };
    expect(() => objectiveOf(whole, { loss: 'bce' })).toThrow(
      expect.objectContaining({
        code: 'LOSS_CONTRADICTS_MODEL',
        message: expect.stringContaining('use --model-output "logits"') as string,
      }),
    );
    expect(objectiveOf(whole, { loss: 'bce', modelOutput: 'logits' }).modelOutput).toBe('logits');
  });

  it('takes a gate for what it is', () => {
    const graph = new GraphBuilder('gated');
    const x = graph.input('x', 'float32', ['N', 4]);
    graph.output(graph.op('Mul', [x, graph.op('Sigmoid', [x])], {}, 'y'));
    expect(objectiveOf(graph.model(), { loss: 'bce' }).modelOutput).toBe('y');
  });

  it('names a value that does not exist, without what would act on the terminal', () => {
    expect(() => objectiveOf(endingIn('Sigmoid'), { modelOutput: '\x1b[2J' })).toThrow(
      expect.objectContaining({ code: 'MODEL_OUTPUT_UNKNOWN', message: expect.not.stringContaining('\x1b') as string }),
    );
  });

  it('follows a long chain', () => {
    expect(objectiveOf(endingIn('Sigmoid', ...Array.from({ length: 20_000 }, () => 'Identity'))).modelOutput).toBe(
      'logits',
    );
  });
});
