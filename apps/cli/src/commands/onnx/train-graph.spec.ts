import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { modelFile } from '@koinon/heart-disease';
import {
  GraphBuilder,
  attr,
  encodeModel,
  loadSession,
  readInitializers,
  readModel,
  runSession,
  tensorOf,
  type Model,
} from '@koinon/onnx';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { irregular } from './testing/models.js';
import { runCommand, type Outcome } from './testing/run-command.js';
import type { TrainGraphReport } from './train-graph.js';

const weights = (name: string): Float32Array =>
  readInitializers(new Uint8Array(readFileSync(modelFile)), [name]).get(name)?.data as Float32Array;
const base = ['train-graph', modelFile, '--trainable', 'weight, bias', '--loss', 'bce', '--format', 'json'];

/** x · weight, for records of this shape. */
function linear(record: readonly (number | string)[], classes: number): Model {
  const graph = new GraphBuilder('linear');
  const weight = graph.initializer('weight', 'float32', [4, classes], irregular(4 * classes));
  graph.output(graph.op('MatMul', [graph.input('x', 'float32', ['N', ...record]), weight], {}, 'y'));
  return graph.model();
}

const onSequences = (...options: readonly string[]): Promise<Outcome> => trained(linear(['seq', 4], 2), ...options);

async function trained(model: Model, ...options: readonly string[]): Promise<Outcome> {
  using folder = tempDir();
  const file = join(folder.path, 'model.onnx');
  writeFileSync(file, encodeModel(model));
  return await runCommand(
    'train-graph',
    file,
    '--trainable',
    'weight',
    '--loss',
    'mse',
    '--optimizer',
    'sgd',
    '--out',
    join(folder.path, 'training.onnx'),
    '--format',
    'json',
    ...options,
  );
}

describe('koinon train-graph', () => {
  it('writes a graph whose clipped gradients are those of the formula', async () => {
    using folder = tempDir();
    const out = join(folder.path, 'training.onnx');
    const { stdout, exitCode } = await runCommand(
      ...base,
      '--optimizer',
      'none',
      '--clip',
      '0.5',
      '--batch',
      '3',
      '--out',
      out,
    );
    const report = JSON.parse(stdout) as TrainGraphReport;
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({
      bytes: readFileSync(out).length,
      sha256: createHash('sha256').update(readFileSync(out)).digest('hex'),
      modelOutput: 'logits',
    });
    // the norm is part of the graph
    expect(report.inputs.map(({ role }) => role)).toEqual([
      'features features',
      'labels',
      'mask',
      'parameters weight',
      'parameters bias',
    ]);

    const [centre, halfWidth] = [weights('centre'), weights('half_width')];
    const features = irregular(39).map((value, index) => centre[index % 13]! + value * halfWidth[index % 13]!);
    const labels = [0, 1, 1];
    const session = await loadSession(await readModel(out), 'all');
    const answer = await runSession(session, {
      features: tensorOf('float32', [3, 13], features),
      labels: tensorOf('float32', [3, 1], labels),
      mask: tensorOf('float32', [3], [1, 1, 1]),
      weight: tensorOf('float32', [13, 1], new Float32Array(13)),
      bias: tensorOf('float32', [1], [0]),
    });
    await session.release();
    // zero weights: every probability is one half, a record's gradient (½ − y)·(x̂, 1)
    const expected = new Float64Array(14);
    labels.forEach((label, row) => {
      const own = [...irregular(39).slice(13 * row, 13 * (row + 1)), 1].map((value) => (0.5 - label) * value);
      const scale = Math.min(1, 0.5 / Math.hypot(...own));
      own.forEach((value, index) => {
        expected[index] = expected[index]! + scale * value;
      });
    });
    const output = (role: string): number[] =>
      Array.from(answer[report.outputs.find((port) => port.role === role)?.name ?? '']?.data as Float32Array);
    [...output('gradients weight'), ...output('gradients bias')].forEach((value, index) =>
      expect(value).toBeCloseTo(expected[index]!, 4),
    );
  });

  it('writes optimisers with their state', async () => {
    using folder = tempDir();
    const { stdout } = await runCommand(...base, '--optimizer', 'adam', '--out', join(folder.path, 'training.onnx'));
    const { inputs, outputs } = JSON.parse(stdout) as TrainGraphReport;
    expect(inputs.find(({ role }) => role === 'features features')?.dims).toEqual([32, 13]);
    expect(inputs.map(({ role }) => role)).toEqual(
      expect.arrayContaining(['learningRate', 'state mean.weight', 'state variance.bias']),
    );
    expect(outputs.map(({ role }) => role)).toEqual(
      expect.arrayContaining(['loss', 'parameters weight', 'state meanCorrection']),
    );
  });

  it('takes the sizes of open axes', async () => {
    const { inputs } = JSON.parse((await onSequences('--dims', 'seq=3', '--batch', '5')).stdout) as TrainGraphReport;
    expect(inputs.find(({ role }) => role === 'features x')?.dims).toEqual([5, 3, 4]);
    expect((await onSequences()).stderr).toMatch(
      /^koinon: ONNX_OPEN_SHAPE: input "x": axis 1 \("seq"\) is open; give its size/,
    );
    expect((await onSequences('--dims', 'sec=3')).stderr).toBe(
      'koinon: DIMENSION_UNKNOWN: no input has an open axis "sec" after its first; there is "seq"\n',
    );
    for (const dims of ['seq', '=3', 'seq=', 'seq=0', 'seq=1.5'])
      await expect(onSequences('--dims', dims)).rejects.toThrow('--dims');
  });

  it('computes a batch in pieces that fit the memory it is given', async () => {
    const { microbatch, memoryBytes } = JSON.parse(
      (await onSequences('--dims', 'seq=64', '--batch', '512', '--memory-mb', '1')).stdout,
    ) as TrainGraphReport;
    expect([microbatch < 512, 512 % microbatch]).toEqual([true, 0]);
    expect(memoryBytes).toBeLessThan(2 ** 20);
    expect((await onSequences('--dims', 'seq=100000', '--memory-mb', '1')).stderr).toMatch(
      /^koinon: AUTODIFF_MEMORY_LIMIT: .*Raise it/,
    );
  });

  it('refuses classes where there is one', async () => {
    expect((await trained(linear([4], 1), '--loss', 'cross-entropy')).stderr).toBe(
      'koinon: LOSS_CONTRADICTS_MODEL: cross-entropy of a single class is always 0; use --loss bce\n',
    );
    expect((await trained(linear([4], 2), '--loss', 'cross-entropy')).exitCode).toBe(0);
  });

  it('says a small amount of memory in a unit that shows it', async () => {
    using folder = tempDir();
    const { stdout } = await runCommand(
      ...base,
      '--optimizer',
      'sgd',
      '--out',
      join(folder.path, 'training.onnx'),
      '--format',
      'text',
    );
    expect(stdout).toMatch(/at most \d+\.\d KiB$/m);
  });

  it('finds out that the output cannot be written before anything else', async () => {
    const { stderr } = await runCommand(
      'train-graph',
      'absent.onnx',
      ...base.slice(2),
      '--optimizer',
      'sgd',
      '--out',
      '/dev/null',
    );
    expect(stderr).toMatch(/^koinon: OUTPUT_FILE_UNWRITABLE: /);
  });

  it('leaves the output as it was when the model is refused', async () => {
    using folder = tempDir();
    const out = join(folder.path, 'training.onnx');
    writeFileSync(out, 'old');
    expect((await runCommand(...base, '--optimizer', 'sgd', '--model-output', 'none', '--out', out)).exitCode).toBe(2);
    expect([readFileSync(out, 'utf8'), readdirSync(folder.path)]).toEqual(['old', ['training.onnx']]);
  });

  it.each([
    ['an unknown parameter', ['--trainable', 'wait', '--optimizer', 'sgd'], 'AUTODIFF_TRAINABLE_UNKNOWN'],
    ['no parameter', ['--trainable', ' , ', '--optimizer', 'sgd'], 'AUTODIFF_OPTIONS'],
    ['unknown logits', ['--model-output', 'logit', '--optimizer', 'sgd'], 'MODEL_OUTPUT_UNKNOWN'],
    ['more records than any machine holds', ['--batch', '9007199254740991', '--optimizer', 'sgd'], 'BATCH_TOO_LARGE'],
    [
      'a folder that does not exist',
      ['--optimizer', 'sgd', '--out', join(import.meta.dirname, 'absent', 'x.onnx')],
      'OUTPUT_FILE_UNWRITABLE',
    ],
  ])('refuses %s with a code', async (_, options, code) => {
    using folder = tempDir();
    const { stderr, stdout, exitCode } = await runCommand(
      ...base,
      '--out',
      join(folder.path, 'training.onnx'),
      ...options,
    );
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(new RegExp(`^koinon: ${code}: `));
    expect(stderr).not.toContain(import.meta.dirname);
  });

  it('clips a model of which it cannot tell that records stay apart, one record at a time', async () => {
    const graph = new GraphBuilder('tokens first');
    const tokensFirst = graph.op('Transpose', [graph.input('x', 'float32', ['N', 3, 4])], {
      perm: attr.ints([1, 0, 2]),
    });
    const product = graph.op('MatMul', [tokensFirst, graph.initializer('weight', 'float32', [4, 2], irregular(8))]);
    graph.output(graph.op('Transpose', [product], { perm: attr.ints([1, 0, 2]) }, 'y'));
    const clip = ['--clip', '1', '--batch', '4'];
    expect((await trained(graph.model(), ...clip)).stderr).toMatch(/^koinon: AUTODIFF_RECORDS_MIXED: /);
    expect(JSON.parse((await trained(graph.model(), ...clip, '--microbatch', '1')).stdout)).toMatchObject({
      microbatch: 1,
    });
    expect((await trained(graph.model(), '--microbatch', '1')).stderr).toMatch(/^koinon: MICROBATCH_WITHOUT_CLIP: /);
  });

  it.each([
    [['--optimizer', 'lion'], 'Allowed choices are none, sgd, adam, adamw'],
    [['--optimizer', 'sgd', '--clip', '0'], 'a number above 0'],
    [['--optimizer', 'sgd', '--clip', 'Infinity'], 'a number above 0'],
    [['--optimizer', 'sgd', '--clip', '1e300'], 'in the range of float32'],
    [['--optimizer', 'sgd', '--clip', '1e-300'], 'in the range of float32'],
    [['--optimizer', 'sgd'], "required option '--out <file>' not specified"],
  ])('explains misuse: %j', async (options, message) => {
    await expect(runCommand(...base, ...options)).rejects.toThrow(message);
  });
});
