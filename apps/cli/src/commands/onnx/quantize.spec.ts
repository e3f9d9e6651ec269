import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GraphBuilder, attr, encodeModel, readModel, type Model } from '@koinon/onnx';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { quantize, type QuantizeReport } from './quantize.js';
import { batchesOf, fours, images, npy, rows } from './testing/calibration-files.js';
import { classifier, irregular } from './testing/models.js';
import { runCommand } from './testing/run-command.js';

/** x [N, 4] · weight, and what follows. */
function linear(
  weight: readonly number[],
  follow: (graph: GraphBuilder, value: string) => string = (_, value) => value,
): Model {
  const graph = new GraphBuilder('linear');
  const product = graph.op('MatMul', [
    graph.input('x', 'float32', ['N', 4]),
    graph.initializer('weight', 'float32', [4, weight.length / 4], weight),
  ]);
  graph.output(follow(graph, product));
  return graph.model();
}

describe('koinon quantize', () => {
  it('writes what it kept and reports both', async () => {
    using folder = tempDir();
    const [file, data, out] = ['model.onnx', 'rows.npy', 'kept.onnx'].map((name) => join(folder.path, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(file, encodeModel(classifier()));
    writeFileSync(data, npy('<f4', '(20, 8, 8)', new Uint8Array(Float32Array.from(images).buffer)));
    const { stdout, exitCode } = await runCommand(
      'quantize',
      file,
      '--calibration',
      data,
      '--out',
      out,
      '--format',
      'json',
    );
    const report = JSON.parse(stdout) as QuantizeReport;
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({
      calibrated: 10,
      scored: 10,
      proxy: 'same decision',
      fp32: { score: 1, bytes: readFileSync(file).length },
    });
    // which of the two is faster is this machine's business; that the file is the one named is ours
    const operators = (await readModel(out)).graph.nodes.map(({ op }) => op);
    expect(operators.includes('QuantizeLinear')).toBe(report.chosen === 'int8');
    expect(readFileSync(out).length).toBe(report[report.chosen].bytes);
  });

  it('scores models that predict numbers by their distance', async () => {
    const regressor = classifier();
    const graph = {
      ...regressor.graph,
      nodes: regressor.graph.nodes.filter(({ op }) => op !== 'Softmax'),
      outputs: [{ name: 'scores' }],
    };
    const { report } = await quantize(
      { ...regressor, graph },
      await batchesOf('rows.json', JSON.stringify(rows(20)), regressor),
    );
    expect(report.proxy).toBe('1 − relative difference');
    expect(report.fp32.score).toBe(1);
    expect(report.int8.score).toBeLessThan(1);
    expect(report.int8.score).toBeGreaterThan(0.9);
  });

  it('scores outputs of any size, whole numbers, and outputs that are always 0', async () => {
    const data = await batchesOf('rows.json', fours(400), linear(irregular(8)));
    const wide = await quantize(linear(irregular(8000)), data);
    expect(wide.report.int8.score).toBeGreaterThan(0.9);
    const decided = await quantize(
      linear(irregular(8), (graph, value) => graph.op('ArgMax', [value], { axis: attr.int(1) })),
      data,
    );
    expect(decided.report).toMatchObject({ proxy: 'same decision', fp32: { score: 1 } });
    const zero = await quantize(linear([0, 0, 0, 0]), data);
    expect(zero.report).toMatchObject({ fp32: { score: 1 }, int8: { score: 1 } });
  });

  it.each<[string, number, (graph: GraphBuilder, value: string) => string]>([
    ['every label', 3, (graph, value) => graph.op('Sigmoid', [value])],
    ['every label, reshaped', 3, (graph, value) => graph.op('Flatten', [graph.op('Sigmoid', [value])])],
    ['classes of the last axis', 3, (graph, value) => graph.op('Softmax', [value])],
    [
      'classes of the first axis behind the rows, reshaped',
      3,
      (graph, value) => {
        const images = graph.op('Unsqueeze', [value, graph.initializer('axes', 'int64', [1], [2])]);
        return graph.op('Flatten', [graph.op('Softmax', [images], { axis: attr.int(-2) })]);
      },
    ],
  ])('scores decisions: %s', async (_, width, follow) => {
    const { report } = await quantize(
      linear(irregular(4 * width), follow),
      await batchesOf('rows.json', fours(40), linear(irregular(8))),
    );
    expect(report).toMatchObject({ proxy: 'same decision', fp32: { score: 1 } });
    expect(report.int8.score).toBeGreaterThan(0.8);
  });

  it('takes how much score may be lost and how ranges are chosen', async () => {
    using folder = tempDir();
    const [file, data, out] = ['model.onnx', 'rows.json', 'kept.onnx'].map((name) => join(folder.path, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(file, encodeModel(linear(irregular(8))));
    // one row far out, which min-max covers and percentile does not
    writeFileSync(data, JSON.stringify([[50, 50, 50, 50], ...(JSON.parse(fours(600)) as number[][])]));
    const scores = new Set<number>();
    for (const method of ['min-max', 'percentile', 'entropy']) {
      const { stdout } = await runCommand(
        'quantize',
        file,
        '--calibration',
        data,
        '--out',
        out,
        '--format',
        'json',
        '--method',
        method,
        '--tolerance',
        '0.25',
      );
      const report = JSON.parse(stdout) as QuantizeReport;
      expect(report.tolerance).toBe(0.25);
      scores.add(report.int8.score);
    }
    expect(scores.size).toBeGreaterThan(1);
    const rest = ['quantize', file, '--calibration', data, '--out', out];
    for (const tolerance of ['-0.1', '1.5', 'x'])
      await expect(runCommand(...rest, '--tolerance', tolerance)).rejects.toThrow('a number from 0 to 1');
    await expect(runCommand(...rest, '--method', 'median')).rejects.toThrow(
      'Allowed choices are min-max, percentile, entropy',
    );
  });

  it('says when there is nothing to quantise, and keeps the model', async () => {
    using folder = tempDir();
    const [file, data, out] = ['model.onnx', 'rows.json', 'kept.onnx'].map((name) => join(folder.path, name)) as [
      string,
      string,
      string,
    ];
    const graph = new GraphBuilder('bare');
    graph.output(graph.op('Relu', [graph.input('x', 'float32', ['N', 4])], {}, 'y'));
    writeFileSync(file, encodeModel(graph.model()));
    writeFileSync(data, fours(8));
    const { stdout, exitCode } = await runCommand('quantize', file, '--calibration', data, '--out', out);
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^kept: fp32 \(nothing to quantise: /m)]);
    expect(stdout).not.toMatch(/^int8/m);
    expect(readFileSync(out)).toEqual(readFileSync(file));
  });

  it('refuses too little data with a code', async () => {
    using folder = tempDir();
    mkdirSync(join(folder.path, 'sub'));
    const [file, data] = ['model.onnx', 'rows.json'].map((name) => join(folder.path, name)) as [string, string];
    writeFileSync(file, encodeModel(classifier()));
    writeFileSync(data, JSON.stringify(rows(1)));
    const { stderr, exitCode } = await runCommand(
      'quantize',
      file,
      '--calibration',
      data,
      '--out',
      join(folder.path, 'kept.onnx'),
    );
    expect([exitCode, stderr]).toEqual([
      2,
      'koinon: CALIBRATION_INVALID: it takes at least two batches: one to calibrate on, one to compare on\n',
    ]);
  });
});
