import { describe, expect, it } from 'vitest';
import { GraphBuilder, quantizeIfBetter, tensorOf } from '../index.js';
import { chooseVariant } from './compare.js';
import { images, outputOf, relativeError, residualModel } from './residual-model.fixture.js';

describe('quantizeIfBetter', () => {
  it('reports both models and returns the one it chose', async () => {
    const model = residualModel();
    const evaluation = images(16);
    const expected = await outputOf(model, evaluation);
    const { model: chosen, report } = await quantizeIfBetter(model, {
      calibration: [images(16)],
      score: async (run) => 1 - relativeError((await run(evaluation))['logits']!, expected),
      tolerance: -1,
      latencyInput: images(1),
    });
    // Nothing is a whole point better than the float model, so it stays.
    expect(report).toMatchObject({ chosen: 'fp32', reason: 'less accurate', fp32: { score: 1 } });
    expect(chosen).toBe(model);
    expect(report.int8.score).toBeGreaterThan(0.9);
    expect(report.int8.bytes).not.toBe(report.fp32.bytes);
    for (const { latencyP50Ms, latencyP95Ms } of [report.fp32, report.int8]) {
      expect(latencyP50Ms).toBeGreaterThan(0);
      expect(latencyP95Ms).toBeGreaterThanOrEqual(latencyP50Ms);
    }
  });

  it('keeps fp32 and says why where no operator has an integer form', async () => {
    const graph = new GraphBuilder('only Relu');
    graph.input('x', 'float32', ['batch', 4]);
    graph.op('Relu', ['x'], {}, 'y');
    graph.output('y', 'float32', ['batch', 4]);
    const model = graph.model();
    const row = { x: tensorOf('float32', [1, 4], [1, -2, 3, -4]) };
    const { model: chosen, report } = await quantizeIfBetter(model, {
      calibration: [row],
      score: () => Promise.resolve(1),
      tolerance: 1,
      latencyInput: row,
    });
    expect(report).toMatchObject({ chosen: 'fp32', reason: 'nothing to quantise', quantizedNodes: 0 });
    expect(report.int8).toEqual(report.fp32);
    expect(chosen).toBe(model);
  });

  it.each([
    ['faster and as good', 0.9, 5, 'int8', 'smaller and as good'],
    ['faster and worse within the tolerance', 0.896, 5, 'int8', 'smaller and as good'],
    ['faster and worse beyond the tolerance', 0.894, 5, 'fp32', 'less accurate'],
    ['slower', 0.95, 10.1, 'fp32', 'slower'],
    ['of no known score', NaN, 5, 'fp32', 'less accurate'],
  ])('for an int8 model that is %s', (_, score, latencyP50Ms, chosen, reason) => {
    const fp32 = { bytes: 100, latencyP50Ms: 10, latencyP95Ms: 20, score: 0.9 };
    expect(chooseVariant(fp32, { bytes: 30, latencyP50Ms, latencyP95Ms: 20, score }, 0.005)).toEqual({
      chosen,
      reason,
    });
  });
});
