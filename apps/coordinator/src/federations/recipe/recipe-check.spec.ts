import type { Federation } from '@koinon/contracts';
import { GraphBuilder, attr, encodeModel } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { recordsSchema, schemaOf, tinyModel, tinySpec } from '../../testing/tiny-federation.fixture.js';
import { checkRecipe } from './recipe-check.js';

/** The tiny model with other ends: `classes` logits, the output named, and a value that nothing uses. */
function modelWith(classes: number, output: 'logits' | 'first'): Uint8Array {
  const graph = new GraphBuilder('ends');
  graph.input('x', 'float32', ['batch', 3]);
  graph.initializer('weight', 'float32', [3, classes], new Float32Array(3 * classes));
  graph.initializer('bias', 'float32', [classes], new Float32Array(classes));
  graph.op('Gemm', ['x', 'weight', 'bias'], {}, 'logits');
  graph.initializer('spare', 'float32', [1], [0]);
  graph.initializer('zero', 'int64', [1], [0]);
  graph.op('Gather', ['logits', 'zero'], { axis: attr.int(1) }, 'first');
  graph.output(output, 'float32', ['batch', output === 'first' ? 1 : classes]);
  return encodeModel(graph.model());
}

const specWith = (model: Partial<Federation['model']>): Federation => ({
  ...tinySpec(),
  model: { ...tinySpec().model, ...model },
});
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const good = { spec: tinySpec(), model: tinyModel(), recordsSchema };

describe('the check of a recipe', () => {
  it('finds what a run keeps of it', async () => {
    expect(await checkRecipe(good)).toEqual({ parameterCount: 4, noiseMultiplier: 0 });
    expect(await checkRecipe({ ...good, spec: specWith({ loss: 'mse' }) })).toMatchObject({ parameterCount: 4 });
    expect(
      await checkRecipe({ ...good, model: modelWith(2, 'first'), spec: specWith({ loss: 'cross-entropy' }) }),
    ).toMatchObject({ parameterCount: 8 });
  });

  it.each<[string, string, Partial<typeof good>]>([
    ['a value the graph does not have', 'model.output', { spec: specWith({ output: 'logit' }) }],
    ['an initializer the model does not have', 'wieght', { spec: specWith({ trainable: ['wieght'] }) }],
    ['one that is named twice', 'trainable', { spec: specWith({ trainable: ['weight', 'weight'] }) }],
    [
      'one the loss does not depend on',
      'model.trainable',
      { model: modelWith(2, 'first'), spec: specWith({ loss: 'cross-entropy', trainable: ['weight', 'spare'] }) },
    ],
    ['a loss of classes on one output', 'cross-entropy', { spec: specWith({ loss: 'cross-entropy' }) }],
    ['a loss of one output on two', 'bce', { model: modelWith(2, 'first') }],
    [
      'two scores for one record',
      'probability',
      { model: modelWith(2, 'logits'), spec: specWith({ loss: 'cross-entropy' }) },
    ],
    ['more features than the model takes', 'records', { recordsSchema: schemaOf(tinyModel(4)) }],
    ['another input', 'records', { recordsSchema: text('{"input":{"name":"image","dims":[3]}}') }],
    ['no model', 'model', { model: text('no model') }],
  ])('refuses %s', async (_, detail, part) => {
    await expect(checkRecipe({ ...good, ...part })).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      detail: expect.stringContaining(detail) as string,
    });
  });

  it.each([
    ['no JSON', '{'],
    ['no input', '{"features":[1]}'],
    ['no width', '{"input":{"name":"x"}}'],
    ['an empty list', '{"input":{"name":"x"},"features":[]}'],
  ])('refuses a records schema with %s', async (_, schema) => {
    await expect(checkRecipe({ ...good, recordsSchema: text(schema) })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      detail: expect.stringContaining('records schema') as string,
    });
  });

  it('refuses noise that is too large for so many weights, as every site would', async () => {
    const spec: Federation = {
      ...tinySpec({ rounds: 10 }),
      local: { ...tinySpec().local, steps: 100, samplingRate: 1 },
      privacy: { ...tinySpec().privacy, epsilon: 0.1, accountant: 'rdp', recordCountNoise: 100 },
    };
    expect((await checkRecipe({ ...good, spec })).noiseMultiplier).toBeGreaterThan(2 ** 9);
    const wide = tinyModel(2 ** 16);
    await expect(checkRecipe({ spec, model: wide, recordsSchema: schemaOf(wide) })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      detail: expect.stringContaining('65537 weights') as string,
    });
  });

  it('takes dimensions for a width, as images state them', async () => {
    expect(await checkRecipe({ ...good, recordsSchema: text('{"input":{"name":"x","dims":[1,3]}}') })).toMatchObject({
      parameterCount: 4,
    });
  });
});
