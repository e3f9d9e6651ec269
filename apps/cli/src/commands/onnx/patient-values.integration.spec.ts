/** Calibration rows are records of patients, and a trained model may remember some: no command repeats a value of either. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GraphBuilder, attr, dataTypeCode, encodeModel, type Model } from '@koinon/onnx';
import { tempDir } from '@koinon/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { koinon } from '../../testing/koinon.js';
import { irregular } from './testing/models.js';

/** Exact in float32, and never in a text by chance. */
const PLANTED = 8_765_432 * 2 ** 20;

/** Looks x, or a constant, up in a table of three rows: the runtime's own texts quote an index that is out of range. */
function lookup(index: 'x' | 'constant'): Model {
  const graph = new GraphBuilder('lookup');
  const x = graph.input('x', 'float32', ['N', 2]);
  const chosen =
    index === 'x' ? graph.op('Cast', [x], { to: attr.int(dataTypeCode('int64')) }) : graph.ints(PLANTED, 1);
  const rows = graph.op('Gather', [graph.initializer('table', 'float32', [3, 2], irregular(6)), chosen]);
  const weight = graph.initializer('weight', 'float32', [2, 4], irregular(8));
  const sum = graph.op('Add', [graph.op('MatMul', [x, weight]), graph.op('Squeeze', [graph.op('ReduceMean', [rows])])]);
  graph.output(graph.op('Softmax', [sum], { axis: attr.int(1) }, 'y'), 'float32', ['N', 4]);
  return graph.model();
}

describe('commands on model files', () => {
  const dir = tempDir();
  afterAll(() => dir[Symbol.dispose]());
  const file = (name: string, content: string | Uint8Array): string => {
    const path = join(dir.path, name);
    writeFileSync(path, content);
    return path;
  };
  const [ofInput, ofConstant] = [
    file('input.onnx', encodeModel(lookup('x'))),
    file('constant.onnx', encodeModel(lookup('constant'))),
  ];
  const out = join(dir.path, 'out.onnx');
  const quantize = (name: string, rows: string): string[] => [
    'quantize',
    ofInput,
    '--calibration',
    file(name, rows),
    '--out',
    out,
  ];

  it.each([
    ['rows that the model cannot compute', quantize('a.json', `[[1, 1], [${PLANTED}, 1]]`), 2],
    ['rows that are no JSON', quantize('b.json', `[[1, ${PLANTED} 1]]`), 2],
    ['rows that are no numbers', quantize('c.json', `[[1, "${PLANTED}"]]`), 2],
    ['a value beyond float32', quantize('d.json', `[[1, ${PLANTED}e300]]`), 2],
    ['an array that is none', quantize('f.npy', `\u0093NUMPY ${PLANTED}`), 2],
    ['a model to inspect', ['onnx', 'inspect', ofConstant], 0],
    ['gradients to check', ['gradcheck', ofConstant], 2],
    [
      'a training graph to write',
      [
        'train-graph',
        ofConstant,
        '--trainable',
        'weight',
        '--loss',
        'cross-entropy',
        '--optimizer',
        'sgd',
        '--out',
        out,
      ],
      2,
    ],
  ] as const)('say nothing of the values in %s', async (_, args, code) => {
    const { stdout, stderr, ...ended } = await koinon(args, { home: dir.path });
    expect(ended.code).toBe(code);
    expect(stdout + stderr).not.toContain(String(PLANTED));
  });
});
