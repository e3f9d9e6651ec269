import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { modelFile } from '@koinon/heart-disease';
import { GraphBuilder, encodeModel, type Model } from '@koinon/onnx';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import type { Inspection } from './inspect.js';
import { classifier, constantWeights } from './testing/models.js';
import { runCommand } from './testing/run-command.js';

async function inspected(bytes: Uint8Array): Promise<{ exitCode: number; stderr: string; found?: Inspection }> {
  using folder = tempDir();
  const file = join(folder.path, 'model.onnx');
  writeFileSync(file, bytes);
  const { stdout, stderr, exitCode } = await runCommand('onnx', 'inspect', file, '--format', 'json');
  return { exitCode, stderr, ...(stdout && { found: JSON.parse(stdout) as Inspection }) };
}

describe('koinon onnx inspect', () => {
  it('shows what is in a model that ships', async () => {
    const { stdout, exitCode } = await runCommand('onnx', 'inspect', modelFile, '--format', 'json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      bytes: readFileSync(modelFile).length,
      opsets: { 'ai.onnx': 18 },
      inputs: [{ name: 'features', type: 'float32', dims: ['N', 13] }],
      outputs: [{ name: 'probability', type: 'float32', dims: ['N', 1] }],
      nodes: { Sub: 1, Div: 1, Clip: 1, Gemm: 1, Sigmoid: 1 },
      // centre, half width and weight of 13 features, bias, two bounds
      parameters: 42,
      issues: [],
    });
    expect((JSON.parse(stdout) as Inspection).initializers).toContainEqual({
      name: 'weight',
      type: 'float32',
      dims: [13, 1],
      elements: 13,
      bytes: 52,
    });
  });

  it('prints the same as text', async () => {
    const { stdout } = await runCommand('onnx', 'inspect', modelFile);
    expect(stdout).toMatch(/^input +features +float32 +\[N, 13\]$/m);
    expect(stdout).toMatch(/^weight +float32 +\[13, 1\] +13 +52$/m);
    expect(stdout).toContain('no issues');
  });

  it.each<[string, (model: Model) => Model, string, string]>([
    [
      'a weight that is not a number',
      (model) =>
        withWeight(
          model,
          Float32Array.from({ length: 12 }, () => Number.NaN),
        ),
      'ONNX_NON_FINITE',
      'weight',
    ],
    [
      'a value nobody makes',
      (model) => ({ ...model, graph: { ...model.graph, nodes: model.graph.nodes.filter(({ op }) => op !== 'Relu') } }),
      'ONNX_DANGLING',
      'GlobalAveragePool',
    ],
    [
      'an operator nobody knows',
      (model) => ({
        ...model,
        graph: {
          ...model.graph,
          nodes: model.graph.nodes.map((node) => (node.op === 'Relu' ? { ...node, op: 'Reloo' } : node)),
        },
      }),
      'ONNX_RUNTIME',
      'Reloo',
    ],
    ['a future opset', (model) => ({ ...model, opsets: new Map([['', 99]]) }), 'ONNX_UNKNOWN_OPSET', '99'],
  ])('names %s and exits with 1', async (_, broken, code, place) => {
    const { found, exitCode } = await inspected(encodeModel(broken(classifier())));
    expect(exitCode).toBe(1);
    expect(found?.issues.map((issue) => issue.code)).toEqual([code]);
    expect(found?.issues[0]?.message).toContain(place);
    expect(found?.initializers.map(({ name }) => name)).toEqual(['kernel', 'bias', 'weight']);
  });

  it('shows open axes as what they are, with the option that gives their size', async () => {
    using folder = tempDir();
    const graph = new GraphBuilder('sequences');
    graph.input('named', 'float32', ['N', 'seq', 'side', 'seq']);
    graph.output(graph.op('Identity', [graph.input('unnamed', 'float32', ['N', undefined])], {}, 'y'));
    writeFileSync(join(folder.path, 'model.onnx'), encodeModel(graph.model()));
    const { stdout, exitCode } = await runCommand('onnx', 'inspect', join(folder.path, 'model.onnx'));
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^input +named +float32 +\[N, seq, side, seq\] +open: train-graph and gradcheck take --dims seq=SIZE --dims side=SIZE$/m,
    );
    expect(stdout).toMatch(
      /^input +unnamed +float32 +\[N, \?\] +an open axis has no name: export it with one, or with its size$/m,
    );
    expect(stdout).toMatch(/^no issues$/m);
  });

  it('says where weights are that cannot be trained', async () => {
    const nodes = await inspected(encodeModel(constantWeights()));
    expect([nodes.exitCode, nodes.found?.parameters, nodes.found?.notes]).toEqual([
      0,
      0,
      [expect.stringContaining('its weights are Constant nodes; ')],
    ]);
    const doubles = new GraphBuilder('doubles');
    const weight = doubles.initializer('weight', 'float64', [2, 1], [1, 2]);
    doubles.output(doubles.op('MatMul', [doubles.input('x', 'float64', ['N', 2]), weight], {}, 'y'));
    expect((await inspected(encodeModel(doubles.model()))).found?.notes).toEqual([
      expect.stringContaining('its weights are float64; '),
    ]);
    expect((await inspected(encodeModel(classifier()))).found?.notes).toEqual([]);
  });

  it('refuses what is no model with a code, and never with a path', async () => {
    const half = await inspected(encodeModel(classifier()).subarray(0, 200));
    expect([half.exitCode, half.found]).toEqual([2, undefined]);
    expect(half.stderr).toMatch(/^koinon: ONNX_MALFORMED: /);
    using folder = tempDir();
    for (const file of [join(folder.path, 'absent.onnx'), folder.path]) {
      const { stderr, exitCode } = await runCommand('onnx', 'inspect', file);
      expect([exitCode, stderr]).toEqual([
        2,
        'koinon: MODEL_FILE_UNREADABLE: the model file cannot be read; check its name and your access\n',
      ]);
    }
  });

  it('prints names without what would act on the terminal or forge a line, and cut', async () => {
    using folder = tempDir();
    const file = join(folder.path, 'model.onnx');
    const hostile = '\x1b]0;owned\x07\nno issues';
    const graph = new GraphBuilder('hostile');
    graph.initializer('L'.repeat(2_000_000), 'float32', [], [1]);
    const weight = graph.initializer(hostile, 'float32', [2, 2], [1, 2, 3, 4]);
    graph.output(graph.op('MatMul', [graph.input('x', 'float32', [hostile, 2]), weight], {}, 'y'));
    const opsets = new Map([
      ['', 18],
      [hostile, 1],
    ]);
    writeFileSync(file, encodeModel({ ...graph.model(), opsets, producerName: hostile }));
    const { stdout } = await runCommand('onnx', 'inspect', file);
    expect(Buffer.from(stdout).some((byte) => byte < 0x20 && byte !== 0x0a)).toBe(false);
    // the domain is an issue, whatever a name says
    expect(stdout).not.toMatch(/^no issues/m);
    expect(stdout).toContain('by \\u{1b}]0;owned\\u{7}\\u{a}no issues');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThan(300);
  });

  it('shows operators of other domains with their domain', async () => {
    const graph = new GraphBuilder('gelu');
    const x = graph.input('x', 'float32', ['N', 2]);
    graph.append({ op: 'Gelu', domain: 'com.microsoft', name: 'g', inputs: [x], outputs: ['y'], attributes: {} });
    graph.output('y', 'float32', ['N', 2]);
    const { found } = await inspected(
      encodeModel({
        ...graph.model(),
        opsets: new Map([
          ['', 18],
          ['com.microsoft', 1],
        ]),
      }),
    );
    expect([found?.nodes, found?.issues]).toEqual([{ 'com.microsoft.Gelu': 1 }, []]);
  });
});

function withWeight(model: Model, data: Float32Array): Model {
  const initializers = new Map(model.graph.initializers).set('weight', {
    name: 'weight',
    type: 'float32',
    dims: [4, 3],
    data,
  });
  return { ...model, graph: { ...model.graph, initializers } };
}
