import { describe, expect, it } from 'vitest';
import { GraphBuilder, encodeModel, readInitializers, readWeights, writeWeights } from './index.js';

function model(weight: readonly number[] = [1, 2, 3], bias = 0.125): Uint8Array {
  const graph = new GraphBuilder('linear');
  const input = graph.input('features', 'float32', ['N', 3]);
  graph.initializer('bias', 'float32', [1], Float32Array.of(bias));
  graph.initializer('weight', 'float32', [3, 1], Float32Array.from(weight));
  graph.initializer('shape', 'int64', [1], [-1]);
  graph.op('Gemm', [input, 'weight', 'bias'], {}, 'logits');
  graph.output('logits', 'float32', ['N', 1]);
  return encodeModel(graph.model());
}
const names = ['weight', 'bias'];
const coded = (code: string) => expect.objectContaining({ code }) as Error;

describe('the weights of a model', () => {
  it('are one vector in the order asked for, not of the file', () => {
    expect(readWeights(model(), names)).toEqual(Float32Array.of(1, 2, 3, 0.125));
    expect(readWeights(model(), ['bias', 'weight'])).toEqual(Float32Array.of(0.125, 1, 2, 3));
  });

  it('are written where they were read, byte for byte as a model made with them', () => {
    const weights = Float32Array.of(-0.5, 0.1, 1e-38, 7);
    const written = writeWeights(model(), names, weights);
    expect(written).toEqual(model([-0.5, 0.1, 1e-38], 7));
    expect(readWeights(written, names)).toEqual(weights);
    expect(readInitializers(written, ['weight']).get('weight')!.dims).toEqual([3, 1]);
    expect(writeWeights(written, names, readWeights(model(), names))).toEqual(model());
  });

  it.each([
    ['ONNX_NO_SUCH_INITIALIZER', () => readWeights(model(), ['wieght'])],
    ['ONNX_UNSUPPORTED_TYPE', () => readWeights(model(), ['shape'])],
    ['ONNX_SIZE_MISMATCH', () => writeWeights(model(), names, new Float32Array(3))],
    ['ONNX_SIZE_MISMATCH', () => writeWeights(model(), names, new Float32Array(5))],
    ['ONNX_NON_FINITE', () => writeWeights(model(), names, Float32Array.of(1, 2, 3, Number.NaN))],
  ])('are refused with %s', (code, act) => {
    expect(act).toThrow(coded(code));
  });
});
