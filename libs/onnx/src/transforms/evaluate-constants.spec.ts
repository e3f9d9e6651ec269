import { describe, expect, it } from 'vitest';
import { GraphBuilder, attr, inferShapes, loadSession } from '../index.js';
import { foldConstants } from './fold-constants.js';
import type { Model } from '../index.js';
import { evaluateConstants } from './evaluate-constants.js';

/** A few hundred bytes that ask for four products of 8192 × 8192 matrices: minutes of work. */
function costly(
  build: (graph: GraphBuilder) => string = (graph) => graph.op('ConstantOfShape', [graph.ints(8192, 8192)], {}, 'ones'),
): Model {
  const graph = new GraphBuilder('costly');
  graph.input('x', 'float32', [1, 4]);
  const matrix = build(graph);
  let product = matrix;
  for (let count = 1; count <= 4; count++) product = graph.op('MatMul', [product, matrix], {}, `product ${count}`);
  graph.op('Add', ['x', graph.op('ReduceMax', [product], { keepdims: attr.int(0) })], {}, 'y');
  graph.output('y');
  return graph.model();
}

async function within<Result>(limitMs: number, work: () => Promise<Result>): Promise<Result> {
  const started = performance.now();
  try {
    return await work();
  } finally {
    expect(performance.now() - started).toBeLessThan(limitMs);
  }
}

describe('constants that take long to compute', () => {
  it('are not computed to learn shapes', async () => {
    const shapes = await within(2_000, () => inferShapes(costly()));
    expect(shapes.get('product 4')).toEqual({ type: 'float32', dims: [8192, 8192] });
  });

  it('are not folded', async () => {
    const model = costly();
    expect((await within(2_000, () => foldConstants(model))).graph.nodes).toEqual(model.graph.nodes);
  });

  it.each(['basic', 'all'] as const)('are not given to a runtime that would fold them (%s)', async (level) => {
    await expect(within(2_000, () => loadSession(costly(), level))).rejects.toThrow(
      expect.objectContaining({ code: 'ONNX_TOO_LARGE', place: expect.stringContaining('ConstantOfShape') as string }),
    );
  });

  it('are found behind sizes that the graph computes', async () => {
    const computed = costly((graph) => {
      const rows = graph.op(
        'Cast',
        [graph.op('Floor', [graph.op('Mul', [graph.constant('float32', [1], [2_730.7]), graph.float(3)])])],
        { to: attr.int(7) },
      );
      return graph.op(
        'Expand',
        [graph.float(1), graph.op('Concat', [rows, graph.ints(8192)], { axis: attr.int(0) })],
        {},
        'ones',
      );
    });
    await expect(within(2_000, () => loadSession(computed, 'all'))).rejects.toThrow(
      expect.objectContaining({ code: 'ONNX_TOO_LARGE', place: 'node "Expand_4" (Expand)' }),
    );
  });

  it('count together', async () => {
    const graph = new GraphBuilder('many');
    graph.input('x', 'float32', [1]);
    const parts = Array.from({ length: 40 }, () =>
      graph.op('ReduceMax', [graph.op('ConstantOfShape', [graph.ints(1024, 1024)])], { keepdims: attr.int(0) }),
    );
    graph.op('Sum', ['x', ...parts], {}, 'y');
    graph.output('y');
    await expect(within(2_000, () => loadSession(graph.model(), 'all'))).rejects.toThrow(
      expect.objectContaining({ code: 'ONNX_TOO_LARGE' }),
    );
  });
});

describe('evaluateConstants', () => {
  it('goes on from values that decide the size of others', async () => {
    const graph = new GraphBuilder('positions');
    const found = graph.op('NonZero', [graph.constant('float32', [5], [0, 3, 0, 4, 5])], {}, 'found');
    graph.op('Add', [graph.op('Squeeze', [found, graph.ints(0)], {}, 'positions'), graph.ints(10)], {}, 'shifted');
    graph.output('shifted');
    const { values, costly: none } = await evaluateConstants(graph.model(), graph.graph.nodes);
    expect(values.get('shifted')!.data).toEqual(BigInt64Array.of(11n, 13n, 14n));
    expect(none).toBeUndefined();
  });
});
