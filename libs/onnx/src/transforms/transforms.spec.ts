import { describe, expect, it } from 'vitest';
import { GraphBuilder, attr, encodeModel, loadSession, pruneDeadNodes, runSession, tensorOf } from '../index.js';
import { foldBatchNormalization } from './fold-batch-normalization.js';
import { foldConstants } from './fold-constants.js';
import type { Feeds, Model } from '../index.js';
import { logisticModel, loopModel } from '../models.fixture.js';

async function firstOutput(model: Model, feeds: Feeds): Promise<number[]> {
  const session = await loadSession(model, 'disabled');
  const [output] = Object.values(await runSession(session, feeds));
  await session.release();
  return Array.from(output!.data, Number);
}

describe('pruneDeadNodes', () => {
  it('drops nodes, weights and shape notes that no output needs', () => {
    const model = logisticModel();
    const graph = new GraphBuilder('logistic', model.graph);
    graph.op('Mul', [graph.op('Exp', ['logit']), graph.float(3)], {}, 'dead');
    const withNotes = { ...graph.graph, valueInfo: [{ name: 'dead' }, { name: 'logit' }] };
    expect(pruneDeadNodes(withNotes)).toEqual({ ...model.graph, valueInfo: [{ name: 'logit' }] });
  });

  it('keeps what only a graph inside a node reads', () => {
    const { graph } = loopModel();
    expect(pruneDeadNodes(graph)).toEqual(graph);
  });
});

describe('foldConstants', () => {
  it('replaces what does not depend on inputs by its value', async () => {
    const graph = new GraphBuilder('foldable');
    graph.input('x', 'float32', [2]);
    const [doubled] = [graph.op('Mul', [graph.constant('float32', [2], [1, 2]), graph.float(2)])];
    const shifted = graph.op('Add', [doubled, graph.op('Constant', [], { value_floats: attr.floats([10, 20]) })]);
    graph.op('Add', ['x', shifted], {}, 'y');
    graph.output('y', 'float32', [2]);
    const folded = await foldConstants(graph.model());
    expect(folded.graph.nodes.map(({ op }) => op)).toEqual(['Add']);
    expect([...folded.graph.initializers.values()].map(({ data }) => data)).toEqual([new Float32Array([12, 24])]);
    expect(await firstOutput(folded, { x: tensorOf('float32', [2], [1, 1]) })).toEqual([13, 25]);
  });

  it('leaves random, quantised, overridable and enormous values to the runtime', async () => {
    const graph = new GraphBuilder('not foldable');
    graph.input('x', 'float32', []);
    graph.op('RandomNormal', [], { shape: attr.ints([1]) }, 'noise');
    graph.op('DequantizeLinear', [graph.constant('int8', [1], [7]), graph.float(0.5)], {}, 'weight');
    graph.op('ConstantOfShape', [graph.ints(1024, 1024)], {}, 'zeros');
    graph.initializer('default', 'float32', [1], [1]);
    graph.op('Neg', ['default'], {}, 'negated');
    graph.initializer('kept', 'float32', [1], [1]);
    graph.op('Dropout', ['kept', graph.float(0.5), graph.constant('bool', [], [1])], {}, 'dropped');
    graph.op('Sum', ['x', 'noise', 'weight', 'zeros', 'negated', 'dropped'], {}, 'y');
    graph.output('y', 'float32', [1024, 1024]);
    const model = graph.model();
    model.graph.inputs.push({ name: 'default', type: 'float32', dims: [1] });
    expect(await foldConstants(model)).toEqual(model);
  });

  it('does not change a model without constants', async () => {
    expect(encodeModel(await foldConstants(loopModel()))).toEqual(encodeModel(loopModel()));
  });
});

describe('foldBatchNormalization', () => {
  function normalized(extra?: (graph: GraphBuilder) => void): Model {
    const graph = new GraphBuilder('normalized');
    graph.input('x', 'float32', [1, 2, 2, 1]);
    graph.initializer('w', 'float32', [2, 2, 1, 1], [1, 2, 3, 4]);
    graph.initializer('b', 'float32', [2], [0.5, -0.5]);
    for (const [name, values] of Object.entries({ gamma: [2, 3], beta: [1, -1], mean: [0.1, 0.2], variance: [4, 9] }))
      graph.initializer(name, 'float32', [2], values);
    graph.op('Conv', ['x', 'w', 'b'], {}, 'raw');
    graph.op('BatchNormalization', ['raw', 'gamma', 'beta', 'mean', 'variance'], { epsilon: attr.float(0.25) }, 'y');
    graph.output('y', 'float32', [1, 2, 2, 1]);
    extra?.(graph);
    return graph.model();
  }
  const feeds = { x: tensorOf('float32', [1, 2, 2, 1], [1, -1, 2, 0.5]) };

  it('merges scale and shift into the convolution', async () => {
    const model = normalized();
    const folded = { ...model, graph: pruneDeadNodes(foldBatchNormalization(model.graph)) };
    expect(folded.graph.nodes.map(({ op }) => op)).toEqual(['Conv']);
    expect([...folded.graph.initializers.keys()]).toEqual(['y/weight', 'y/bias']);
    const expected = await firstOutput(model, feeds);
    (await firstOutput(folded, feeds)).forEach((value, index) => expect(value).toBeCloseTo(expected[index]!, 5));
  });

  it('keeps a convolution that somebody else reads', () => {
    const { graph } = normalized((builder) => builder.output('raw', 'float32', [1, 2, 2, 1]));
    expect(foldBatchNormalization(graph)).toEqual(graph);
  });
});
