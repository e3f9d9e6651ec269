import { Session, Tensor } from '@koinon/onnx-runtime';
import { describe, expect, it } from 'vitest';
import { GraphBuilder, attr, attribute, checkModel, encodeModel, inferShapes } from './index.js';
import { logisticModel, loopModel } from './models.fixture.js';

describe('GraphBuilder', () => {
  it('builds a graph that the runtime computes', async () => {
    const session = await Session.create(encodeModel(checkModel(logisticModel())));
    const { probability } = await session.run({ x: new Tensor('float32', [1, 2, 3, 0, 0, 0], [2, 3]) });
    const expected = [1 - 4 + 1.5 + 0.25, 0.25].map((logit) => 1 / (1 + Math.exp(-logit)));
    expected.forEach((value, row) => expect(probability!.data[row]).toBeCloseTo(value, 6));
    await session.release();
  });

  it('builds graphs inside nodes', async () => {
    const session = await Session.create(encodeModel(checkModel(loopModel())));
    const { doubled } = await session.run({ times: new Tensor('int64', [5n], []) });
    expect(doubled!.data).toEqual(new Float32Array([32, 96]));
    await session.release();
  });

  it('keeps one constant for equal values, and tells apart type, shape and the sign of zero', () => {
    const graph = new GraphBuilder('constants');
    expect(graph.float(1)).toBe(graph.float(1));
    const names = [
      graph.float(1),
      graph.float(0),
      graph.float(-0),
      graph.constant('float32', [1], [1]),
      graph.ints(1),
      graph.ints(1, 0),
    ];
    expect(new Set(names).size).toBe(names.length);
    expect(graph.graph.initializers.size).toBe(names.length);
  });

  it('gives one name, these names or so many names', () => {
    const graph = new GraphBuilder('names');
    const x = graph.input('x', 'float32', [4, 2]);
    expect(graph.op('Relu', [x])).toBe('relu_0');
    expect(graph.op('Relu', [x], {}, 'y')).toBe('y');
    expect(graph.op('Split', [x], {}, ['left', 'right'])).toEqual(['left', 'right']);
    expect(graph.op('Split', [x], {}, 2)).toEqual(['split_0', 'split_1']);
    expect(graph.op('Dropout', [x], {}, ['dropped', ''])).toEqual(['dropped', '']);
  });

  it('refuses a name that is taken, also by the graph it extends', () => {
    const taken = expect.objectContaining({ code: 'ONNX_DUPLICATE_NAME' }) as Error;
    const graph = new GraphBuilder('longer', logisticModel().graph);
    expect(() => graph.op('Relu', ['x'], {}, 'logit')).toThrow(taken);
    expect(() => graph.initializer('weight', 'float32', [1], [0])).toThrow(taken);
    expect(() => graph.input('x', 'float32', [1])).toThrow(taken);
    const name = graph.fresh('gemm');
    expect(graph.op('Gemm', ['x', 'weight'])).not.toBe(name);
    expect(graph.op('Gemm', ['x', 'weight'], {}, name)).toBe(name);
    expect(() => graph.op('Gemm', ['x', 'weight'], {}, name)).toThrow(taken);
  });

  it('gives an unused name as it is, and another where a value or a graph inside a node has it', () => {
    const graph = new GraphBuilder('names', loopModel().graph);
    expect(graph.unused('sum')).toBe('sum');
    for (const name of ['sum', 'doubled', 'factor', 'next', 'step']) expect(graph.unused(name)).toBe(`${name}_0`);
  });

  it('leaves the graph that it extends as it was', () => {
    const base = logisticModel();
    const graph = new GraphBuilder('longer', base.graph);
    graph.op('Neg', ['logit']);
    graph.ints(1);
    expect(base).toEqual(logisticModel());
  });
});

describe('attribute', () => {
  const [node] = new GraphBuilder('n', logisticModel().graph).graph.nodes;

  it('reads a value of the expected kind', () => {
    expect(attribute({ ...node!, attributes: { axis: attr.int(-1) } }, 'axis', 'int')).toBe(-1);
    expect(attribute(node!, 'axis', 'int')).toBeUndefined();
    expect(attribute(node!, 'toString', 'int')).toBeUndefined();
  });

  it('names the node when the kind is another', () => {
    expect(() => attribute({ ...node!, name: 'fc', attributes: { axis: attr.float(1) } }, 'axis', 'int')).toThrow(
      expect.objectContaining({ code: 'ONNX_UNSUPPORTED_TYPE', place: 'node "fc" (Gemm)' }),
    );
  });
});

describe('inferShapes', () => {
  it('gives type and shape of inputs, weights and all values between', async () => {
    const shapes = await inferShapes(logisticModel(), { batch: 5 });
    expect(Object.fromEntries(shapes)).toEqual({
      x: { type: 'float32', dims: [5, 3] },
      weight: { type: 'float32', dims: [3, 1] },
      bias: { type: 'float32', dims: [1] },
      logit: { type: 'float32', dims: [5, 1] },
      probability: { type: 'float32', dims: [5, 1] },
    });
  });

  it('follows shapes that the graph computes itself', async () => {
    const graph = new GraphBuilder('flatten by hand');
    const x = graph.input('x', 'float32', ['batch', 3, 'length']);
    const rows = graph.op('Gather', [graph.op('Shape', [x]), graph.ints(0)]);
    const flat = graph.op(
      'Reshape',
      [x, graph.op('Concat', [rows, graph.ints(-1)], { axis: attr.int(0) })],
      {},
      'flat',
    );
    graph.op('ReduceMax', [flat], { keepdims: attr.int(0) }, 'highest');
    graph.output('highest', 'float32', []);
    const shapes = await inferShapes(graph.model(), { dims: { batch: 7, length: 4 } });
    expect(shapes.get('flat')!.dims).toEqual([7, 12]);
    expect(shapes.get('highest')!.dims).toEqual([]);
  });

  it('follows sizes through floating-point arithmetic, one after the other', async () => {
    const graph = new GraphBuilder('scale by hand');
    const x = graph.input('x', 'float32', ['batch', 1, 'height', 8]);
    const halved = (value: string): string => {
      const height = graph.op('Cast', [graph.op('Slice', [graph.op('Shape', [value]), graph.ints(2), graph.ints(3)])], {
        to: attr.int(1),
      });
      const half = graph.op('Cast', [graph.op('Floor', [graph.op('Mul', [height, graph.float(0.5)])])], {
        to: attr.int(7),
      });
      return graph.op('Slice', [value, graph.ints(0), half, graph.ints(2)]);
    };
    graph.op('Relu', [halved(halved(halved(x)))], {}, 'y');
    graph.output('y');
    expect((await inferShapes(graph.model(), { batch: 2, dims: { height: 44 } })).get('y')!.dims).toEqual([2, 1, 5, 8]);
  });

  it('refuses open inputs and shapes that depend on data, and names them', async () => {
    const open = expect.objectContaining({ code: 'ONNX_OPEN_SHAPE', place: 'input "x"' }) as Error;
    await expect(inferShapes(logisticModel())).rejects.toThrow(open);
    const graph = new GraphBuilder('data decides');
    graph.input('x', 'float32', [4]);
    graph.input('shape', 'int64', ['rank']);
    graph.op('Reshape', ['x', 'shape'], {}, 'y');
    graph.output('y');
    await expect(inferShapes(graph.model(), { dims: { rank: 2 } })).rejects.toThrow(
      expect.objectContaining({ place: 'value "y"' }),
    );
    await expect(inferShapes(graph.model(), { batch: 2 })).rejects.toThrow(
      expect.objectContaining({ code: 'ONNX_OPEN_SHAPE' }),
    );
  });

  it('follows the branch that a constant condition takes, with sizes from there', async () => {
    const branch = (name: string, ...axes: number[]): GraphBuilder => {
      const graph = new GraphBuilder(name);
      graph.op('ReduceSum', ['x', graph.constant('int64', [axes.length], axes)], { keepdims: attr.int(0) }, name);
      graph.output(name);
      return graph;
    };
    const graph = new GraphBuilder('known condition');
    const x = graph.input('x', 'float32', ['batch', 1, 6]);
    const isSingle = graph.op('Equal', [
      graph.op('Gather', [graph.op('Shape', [x]), graph.constant('int64', [], [1])]),
      graph.constant('int64', [], [1]),
    ]);
    const chosen = graph.op('If', [isSingle], {
      then_branch: attr.graph(branch('squeezed', 1).graph),
      else_branch: attr.graph(branch('flat', 1, 2).graph),
    });
    const passing = new GraphBuilder('passing');
    passing.output(passing.op('Identity', [chosen]));
    const passed = graph.op('If', [isSingle], {
      then_branch: attr.graph(passing.graph),
      else_branch: attr.graph(branch('flat again', 1, 2).graph),
    });
    graph.op('Relu', [passed], {}, 'y');
    graph.output('y');
    expect((await inferShapes(graph.model(), { batch: 3 })).get('y')!.dims).toEqual([3, 6]);
  });

  it('does not take an unknown rank for a scalar', async () => {
    const branch = (...dims: number[]): GraphBuilder => {
      const graph = new GraphBuilder(`rank ${dims.length}`);
      graph.op('Identity', [graph.constant('float32', dims, [0])], {}, `branch ${dims.length}`);
      graph.output(`branch ${dims.length}`, 'float32', dims);
      return graph;
    };
    const graph = new GraphBuilder('condition decides');
    graph.input('condition', 'bool', []);
    graph.op(
      'If',
      ['condition'],
      { then_branch: attr.graph(branch(1).graph), else_branch: attr.graph(branch(1, 1).graph) },
      'y',
    );
    graph.output('y');
    await expect(inferShapes(graph.model())).rejects.toThrow(
      expect.objectContaining({ code: 'ONNX_OPEN_SHAPE', place: 'value "y"' }),
    );
  });

  it('says what the runtime dislikes', async () => {
    const graph = new GraphBuilder('unknown');
    graph.input('x', 'float32', [4]);
    graph.op('Frobnicate', ['x'], {}, 'y');
    graph.output('y');
    await expect(inferShapes(graph.model())).rejects.toThrow(/Frobnicate/);
  });
});
