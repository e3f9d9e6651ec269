import { GraphBuilder, encodeModel, readInitializers } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { tinyModel, tinySpec } from '../testing/tiny-federation.fixture.js';
import { readWeights, writeWeights } from './model-weights.js';

const { model: spec } = tinySpec();
const coded = (code: string) => expect.objectContaining({ code }) as Error;

describe('the trainable weights of a model', () => {
  it('are one vector in the order of the federation, not of the file', () => {
    const model = tinyModel();
    const weights = readWeights(model, spec);
    expect(weights).toHaveLength(4);
    expect(weights[3]).toBe(0.125);
    expect(readWeights(model, { ...spec, trainable: ['bias', 'weight'] })).toEqual(
      Float64Array.of(0.125, ...weights.subarray(0, 3)),
    );
  });

  it('are written where they were read, and nothing else changes', () => {
    const model = tinyModel();
    const weights = Float64Array.of(1, -2, 3.5, 0.1);
    const written = writeWeights(model, spec, weights);
    expect(readWeights(written, spec)).toEqual(Float64Array.from(weights, Math.fround));
    expect(readInitializers(written, ['weight']).get('weight')!.dims).toEqual([3, 1]);
    expect(writeWeights(written, spec, readWeights(model, spec))).toEqual(model);
  });

  it('make the same bytes every time', () => {
    const weights = Float64Array.of(0.1, 0.2, 0.3, 0.4);
    expect(writeWeights(tinyModel(), spec, weights)).toEqual(writeWeights(tinyModel(), spec, weights));
  });

  it('must exist under their names', () => {
    expect(() => readWeights(tinyModel(), { ...spec, trainable: ['wieght'] })).toThrow(coded('MODEL_INVALID'));
  });

  it('must be float32', () => {
    const graph = new GraphBuilder('ints');
    graph.input('x', 'int64', [1]);
    graph.initializer('weight', 'int64', [1], [1]);
    graph.op('Add', ['x', 'weight'], {}, 'y');
    graph.output('y', 'int64', [1]);
    expect(() => readWeights(encodeModel(graph.model()), { ...spec, trainable: ['weight'] })).toThrow(
      coded('MODEL_INVALID'),
    );
  });

  it.each([
    ['no bytes', new Uint8Array()],
    ['other bytes', new TextEncoder().encode('not a model at all')],
    ['half a model', tinyModel().slice(0, 60)],
  ])('are not found in %s', (_, bytes) => {
    expect(() => readWeights(bytes, spec)).toThrow(coded('MODEL_INVALID'));
  });
});
