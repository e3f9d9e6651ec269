import { describe, expect, it } from 'vitest';
import { GraphBuilder, attr, checkModel, loadSession, raiseOpset, runSession, tensorOf } from './index.js';
import type { Feeds, Model } from './index.js';
import { logisticModel } from './models.fixture.js';

async function outputs(model: Model, feeds: Feeds): Promise<unknown[]> {
  const session = await loadSession(model, 'disabled');
  const results = Object.values(await runSession(session, feeds));
  await session.release();
  return results.map(({ dims, data }) => ({ dims, data }));
}

const rows = tensorOf('float32', [2, 4], [1, -2, 3, -4, 5, 6, -7, 8]);

function reducing(taken = false): Model {
  const graph = new GraphBuilder('reducing');
  graph.input('x', 'float32', ['batch', 4]);
  graph.input('condition', 'bool', []);
  if (taken) graph.op('Neg', ['x'], {}, 'mean.axes');
  graph.op('ReduceMean', ['x'], { axes: attr.ints([-1]), keepdims: attr.int(1) }, 'mean');
  graph.op('ReduceMax', ['x'], {}, 'highest');
  graph.op('Split', ['x'], { axis: attr.int(1) }, ['left', 'right']);
  const body = new GraphBuilder('body');
  body.op('ReduceL2', ['x'], { axes: attr.ints([0]) }, 'length');
  body.output('length');
  const other = new GraphBuilder('other');
  other.op('Identity', ['mean'], {}, 'same');
  other.output('same');
  graph.op(
    'If',
    ['condition'],
    { then_branch: attr.graph(body.graph), else_branch: attr.graph(other.graph) },
    'chosen',
  );
  for (const name of ['mean', 'highest', 'left', 'right', 'chosen']) graph.output(name);
  return graph.model({ opset: 13, irVersion: 7 });
}

describe('raiseOpset', () => {
  const feeds = (condition: number): Feeds => ({ x: rows, condition: tensorOf('bool', [], [condition]) });

  it.each([0, 1])(
    'keeps the results of reductions and Split, also in graphs inside nodes (branch %d)',
    async (condition) => {
      const raised = checkModel(raiseOpset(reducing()));
      expect([raised.opsets.get(''), raised.irVersion]).toEqual([18, 8]);
      expect(await outputs(raised, feeds(condition))).toEqual(await outputs(reducing(), feeds(condition)));
    },
  );

  it('names the axes otherwise where their name is taken', async () => {
    const raised = checkModel(raiseOpset(reducing(true)));
    expect(await outputs(raised, feeds(1))).toEqual(await outputs(reducing(true), feeds(1)));
  });

  it.each([13, 16])('keeps how RoiAlign places its pixels, from opset %d', async (opset) => {
    const graph = new GraphBuilder('regions');
    graph.input('x', 'float32', [1, 1, 2, 4]);
    graph.constant('float32', [1, 4], [0.3, 0.2, 2.4, 1.6]);
    graph.op(
      'RoiAlign',
      ['x', 'const_0', graph.constant('int64', [1], [0])],
      { output_height: attr.int(2), output_width: attr.int(2) },
      'y',
    );
    graph.output('y');
    const model = graph.model({ opset });
    const image = { x: tensorOf('float32', [1, 1, 2, 4], rows.data) };
    expect(await outputs(raiseOpset(model), image)).toEqual(await outputs(model, image));
  });

  it('leaves a newer model as it is and refuses one that is too old', () => {
    const model = logisticModel();
    expect(raiseOpset(model)).toBe(model);
    expect(() => raiseOpset({ ...model, opsets: new Map([['', 12]]) })).toThrow(
      expect.objectContaining({ code: 'ONNX_UNSUPPORTED_VERSION' }),
    );
  });
});
