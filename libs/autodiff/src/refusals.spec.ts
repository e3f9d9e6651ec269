import { GraphBuilder, attr, type Model } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { linear, options, small } from '../test/small-model.js';
import { trainingGraph, type TrainingOptions } from './index.js';

describe('what is refused', () => {
  const refusals: [string, Model, Partial<TrainingOptions>, string, string?][] = [
    [
      'an operator without a rule',
      small((graph, value) => graph.op('Sinh', [graph.op('MatMul', [value, 'w'])], {}, 'bent')),
      {},
      'AUTODIFF_NO_RULE',
      'Sinh',
    ],
    [
      'an output in double precision',
      small((graph, value) => graph.op('Cast', [graph.op('MatMul', [value, 'w'])], { to: attr.int(11) })),
      {},
      'AUTODIFF_UNSUPPORTED',
      'float64',
    ],
    [
      'an input that has no records',
      small((graph, value) =>
        graph.op('Add', [graph.op('MatMul', [value, 'w']), graph.input('prior', 'float32', [2])]),
      ),
      {},
      'AUTODIFF_UNSUPPORTED',
      'prior',
    ],
    [
      'a branch that reads a parameter',
      small((graph, value) => {
        const branch = (name: string, sign: string) => {
          const inner = new GraphBuilder(name);
          inner.op(sign, ['w'], {}, name);
          inner.output(name, 'float32', [3, 2]);
          return attr.graph(inner.graph);
        };
        const positive = graph.op('Greater', [
          graph.op('ReduceSum', [value], { keepdims: attr.int(0) }),
          graph.float(0),
        ]);
        return graph.op('MatMul', [
          value,
          graph.op('If', [positive], {
            then_branch: branch('as-is', 'Identity'),
            else_branch: branch('negated', 'Neg'),
          }),
        ]);
      }),
      {},
      'AUTODIFF_NO_RULE',
      'If',
    ],
    ['an unknown output', linear, { output: 'nowhere' }, 'AUTODIFF_OUTPUT_UNKNOWN', 'nowhere'],
    ['an unknown parameter', linear, { trainable: ['v'] }, 'AUTODIFF_TRAINABLE_UNKNOWN', 'v'],
    [
      'a parameter that is no float',
      small((graph, value) =>
        graph.op('MatMul', [
          graph.op('Gather', [value, graph.initializer('order', 'int64', [3], [2, 1, 0])], { axis: attr.int(1) }),
          'w',
        ]),
      ),
      { trainable: ['order'] },
      'AUTODIFF_TRAINABLE_UNKNOWN',
      'int64',
    ],
    [
      'a parameter that is only a bound of Clip',
      small((graph, value) =>
        graph.op('Clip', [graph.op('MatMul', [value, 'w']), graph.initializer('bound', 'float32', [], [-3])]),
      ),
      { trainable: ['w', 'bound'] },
      'AUTODIFF_TRAINABLE_UNREACHED',
      'bound',
    ],
    [
      'a parameter that is also a bound of Clip',
      small((graph, value) => {
        const bound = graph.initializer('bound', 'float32', [], [0.3]);
        return graph.op('Mul', [graph.op('Clip', [graph.op('MatMul', [value, 'w']), '', bound]), bound]);
      }),
      { trainable: ['w', 'bound'] },
      'AUTODIFF_TRAINABLE_UNREACHED',
      'Clip',
    ],
    [
      'an output whose first axis is not the records',
      small((graph, value) => graph.op('Transpose', [graph.op('MatMul', [value, 'w'])])),
      {},
      'AUTODIFF_OUTPUT_SHAPE',
      '[2, 4]',
    ],
    [
      'an output that is a mean over the records',
      small((graph, value) => graph.op('ReduceMean', [graph.op('MatMul', [value, 'w']), graph.ints(0)])),
      {},
      'AUTODIFF_OUTPUT_SHAPE',
      '[1, 2]',
    ],
    [
      'pieces of a batch whose size the model fixes',
      small((graph, value) => graph.op('Reshape', [graph.op('MatMul', [value, 'w']), graph.ints(4, 2)])),
      { clipping: { microbatch: 2 } },
      'AUTODIFF_OUTPUT_SHAPE',
      'For 2 records',
    ],
    [
      'a parameter behind the output',
      small((graph, value) => {
        graph.op('MatMul', [value, graph.initializer('unused', 'float32', [3, 2], [1, 2, 3, 4, 5, 6])]);
        return graph.op('MatMul', [value, 'w']);
      }),
      { trainable: ['w', 'unused'] },
      'AUTODIFF_TRAINABLE_UNREACHED',
      'unused',
    ],
    ['an old opset', { ...linear, opsets: new Map([['', 12]]) }, {}, 'ONNX_UNSUPPORTED_VERSION', '12'],
    [
      'double precision between parameter and loss',
      small((graph, value) => {
        const wide = (name: string) => graph.op('Cast', [name], { to: attr.int(11) });
        return graph.op('Cast', [graph.op('MatMul', [wide(value), wide('w')])], { to: attr.int(1) });
      }),
      {},
      'AUTODIFF_UNSUPPORTED',
      'float32',
    ],
    ['no parameters', linear, { trainable: [] }, 'AUTODIFF_OPTIONS'],
    ['a parameter twice', linear, { trainable: ['w', 'w'] }, 'AUTODIFF_OPTIONS'],
    ['a batch of 0', linear, { batch: 0 }, 'AUTODIFF_OPTIONS'],
    ['a microbatch that does not divide the batch', linear, { clipping: { microbatch: 3 } }, 'AUTODIFF_OPTIONS'],
    ['several steps without an optimiser', linear, { localSteps: 2 }, 'AUTODIFF_OPTIONS'],
    ['noise without an optimiser', linear, { clipping: { noise: true } }, 'AUTODIFF_OPTIONS'],
    ['a proximal term on a clipped sum', linear, { clipping: {}, proximal: { mu: 1 } }, 'AUTODIFF_OPTIONS'],
  ];

  it.each(refusals)('%s', async (_name, model, extra, code, mention = '') => {
    await expect(trainingGraph(model, { ...options, ...extra })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(mention) as string,
    });
  });

  it('names the node and says what to do', async () => {
    await expect(trainingGraph(refusals[0]![1], options)).rejects.toThrow(/Sinh[\s\S]*Replace it/);
  });
});
