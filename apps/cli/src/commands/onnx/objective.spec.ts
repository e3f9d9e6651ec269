import { GraphBuilder, attr, type Model } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { objectiveOf } from './objective.js';

/** x [N, 4] · weight → `logits`, then these operators one after the other; the last gives `y`. */
function endingIn(...ops: readonly string[]): Model {
  const graph = new GraphBuilder('model');
  let value = graph.op('MatMul', [graph.input('x', 'float32', ['N', 4]), graph.initializer('weight', 'float32', [4, 2], new Float32Array(8))], {}, 'logits');
  ops.forEach((op, index) => {
    value = graph.op(op, [value], op === 'Softmax' ? { axis: attr.int(1) } : {}, index === ops.length - 1 ? 'y' : undefined);
  });
  graph.output(value);
  return graph.model();
}

describe('objectiveOf', () => {
  it.each([
    [['Sigmoid'], {}, { logits: 'logits', loss: 'binary-cross-entropy' }],
    [['Softmax'], {}, { logits: 'logits', loss: 'cross-entropy' }],
    [['Sigmoid', 'Identity', 'Flatten'], {}, { logits: 'logits', loss: 'binary-cross-entropy' }],
    [['Relu'], {}, { logits: 'y', loss: 'mse' }],
    [[], { loss: 'bce' }, { logits: 'logits', loss: 'binary-cross-entropy' }],
    // what is served is what fits
    [['Sigmoid'], { loss: 'mse' }, { logits: 'y', loss: 'mse' }],
    [['Softmax'], { loss: 'mse' }, { logits: 'y', loss: 'mse' }],
    [['Sigmoid'], { loss: 'mse', logits: 'logits' }, { logits: 'logits', loss: 'mse' }],
  ] as const)('takes a model that ends in %j, asked for %j, at %j', (ops, wish, objective) => {
    expect(objectiveOf(endingIn(...ops), wish)).toEqual(objective);
  });

  it.each([
    [['Softmax'], { loss: 'bce' }, 'use --loss cross-entropy'],
    [['Sigmoid'], { loss: 'cross-entropy' }, 'use --loss bce'],
    [['Sigmoid', 'Identity'], { loss: 'cross-entropy', logits: 'y' }, 'use --loss bce'],
    [['Sigmoid'], { loss: 'bce', logits: 'y' }, 'use --logits "logits", or --loss mse'],
    [['Softmax'], { loss: 'cross-entropy', logits: 'y' }, 'use --logits "logits", or --loss mse'],
  ] as const)('refuses a model that ends in %j asked for %j', (ops, wish, remedy) => {
    expect(() => objectiveOf(endingIn(...ops), wish)).toThrow(expect.objectContaining({ code: 'LOSS_CONTRADICTS_MODEL', message: expect.stringContaining(remedy) as string }));
  });

  it('names a value that does not exist, without what would act on the terminal', () => {
    expect(() => objectiveOf(endingIn('Sigmoid'), { logits: '\x1b[2J' })).toThrow(expect.objectContaining({ code: 'LOGITS_UNKNOWN', message: expect.not.stringContaining('\x1b') as string }));
  });

  it('follows a long chain', () => {
    expect(objectiveOf(endingIn('Sigmoid', ...Array.from({ length: 20_000 }, () => 'Identity'))).logits).toBe('logits');
  });
});
