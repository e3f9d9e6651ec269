import { GraphBuilder, attr } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { clippedModels as models, normalization } from '../test/clipped-models.js';
import { compare, optionsFor, RECORDS } from '../test/clipping-run.js';
import { modelOf, type RecordModel } from '../test/record-models.js';
import { trainer } from '../test/training-run.js';

describe('operators that mix records', () => {
  const mixing: RecordModel[] = [
    {
      name: 'Softmax over the records',
      record: [4],
      parameters: { w: [4, 4] },
      width: 4,
      build: (graph, x) => graph.op('Softmax', [graph.op('MatMul', [x, 'w'])], { axis: attr.int(0) }),
    },
    {
      name: 'a mean over the records',
      record: [4],
      parameters: { w: [4, 4] },
      width: 4,
      build: (graph, x) => graph.op('Sub', [graph.op('MatMul', [x, 'w']), graph.op('ReduceMean', [x, graph.ints(0)])]),
    },
    {
      name: 'records in reverse',
      record: [4],
      parameters: { w: [4, 4] },
      width: 4,
      build: (graph, x) =>
        graph.op('Slice', [
          graph.op('MatMul', [x, 'w']),
          graph.ints(-1),
          graph.ints(-1000),
          graph.ints(0),
          graph.ints(-1),
        ]),
    },
    {
      name: 'records shifted by padding',
      record: [4],
      parameters: { w: [4, 4] },
      width: 4,
      build: (graph, x) => graph.op('Pad', [graph.op('MatMul', [x, 'w']), graph.ints(1, 0, -1, 0)]),
    },
    {
      name: 'similarities between records',
      record: [4],
      parameters: { w: [4, 4] },
      width: 4,
      build: (graph, x) =>
        graph.op('MatMul', [graph.op('MatMul', [x, graph.op('Transpose', [x])]), graph.op('MatMul', [x, 'w'])]),
    },
    {
      name: 'a branch that reads all records',
      record: [4],
      parameters: { w: [4, 4] },
      width: 4,
      build: (graph, x) => {
        const branch = (name: string, axes: number[]) => {
          const inner = new GraphBuilder(name);
          inner.op('ReduceSum', [x, inner.constant('int64', [axes.length], axes)], {}, name);
          inner.output(name, 'float32', ['rows', 'columns']);
          return attr.graph(inner.graph);
        };
        const condition = graph.constant('bool', [], [1]);
        return graph.op('Add', [
          graph.op('MatMul', [x, 'w']),
          graph.op('If', [condition], { then_branch: branch('all', [0, 1]), else_branch: branch('one', [1]) }),
        ]);
      },
    },
    {
      name: 'a running sum over the records',
      record: [4],
      parameters: { w: [4, 4] },
      width: 4,
      build: (graph, x) => graph.op('MatMul', [graph.op('CumSum', [x, graph.constant('int64', [], [0])]), 'w']),
    },
  ];

  it.each(mixing)('$name is refused', async (model) => {
    await expect(trainer(modelOf(model), optionsFor(model, RECORDS, {}))).rejects.toMatchObject({
      code: 'AUTODIFF_RECORDS_MIXED',
    });
  });

  it('is refused for batch statistics that the model asks for itself', async () => {
    const model = normalization(
      'training',
      { scale: [2], shift: [2] },
      (graph, x) =>
        graph.op(
          'BatchNormalization',
          [
            x,
            'scale',
            'shift',
            graph.constant('float32', [2], [0.1, -0.2]),
            graph.constant('float32', [2], [0.5, 1.5]),
          ],
          { training_mode: attr.int(1) },
          3,
        )[0],
    );
    await expect(trainer(modelOf(model), optionsFor(model, 1, {}))).rejects.toMatchObject({
      code: 'AUTODIFF_OPTIONS',
      message: expect.stringContaining('training_mode') as string,
    });
  });

  it('is refused for batch statistics', async () => {
    const model = models.find(({ name }) => name.startsWith('BatchNormalization'))!;
    await expect(
      trainer(modelOf(model), { ...optionsFor(model, RECORDS, {}), batchNormalization: 'training' }),
    ).rejects.toMatchObject({ code: 'AUTODIFF_OPTIONS' });
  });

  it('can be asked for one record at a time', async () => {
    const { sums } = await compare(mixing[1]!, { microbatch: 1 });
    expect(sums).toBeLessThan(1e-5);
  });
});
