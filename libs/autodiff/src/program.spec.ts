import { GraphBuilder, attr } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { gradientOf, linear, options, small } from '../test/small-model.js';
import { relativeDifference } from '../test/training-run.js';
import { trainingGraph } from './index.js';

describe('the program a gradient is taken of', () => {
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
});
