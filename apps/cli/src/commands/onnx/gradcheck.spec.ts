import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { modelFile } from '@koinon/heart-disease';
import { GraphBuilder, attr, encodeModel, type Model } from '@koinon/onnx';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import type { GradcheckReport } from './gradcheck.js';
import { classifier, constantWeights } from './testing/models.js';
import { runCommand, type Outcome } from './testing/run-command.js';

async function checked(model: Model, ...options: string[]): Promise<Outcome> {
  using folder = tempDir();
  writeFileSync(join(folder.path, 'model.onnx'), encodeModel(model));
  return await runCommand('gradcheck', join(folder.path, 'model.onnx'), ...options);
}

/** A step of width 1e-5 around zero: its slope is right and no finite difference sees it. */
function step(): Model {
  const graph = new GraphBuilder('step');
  const x = graph.input('x', 'float32', ['N', 2]);
  const weight = graph.initializer('weight', 'float32', [2, 1], [0, 0]);
  const steep = graph.op('Mul', [graph.op('MatMul', [x, weight]), graph.float(1e5)]);
  graph.output(graph.op('HardSigmoid', [steep], {}, 'y'), 'float32', ['N', 1]);
  return graph.model();
}

/** Adds Relu(weight) to every record, so that each weight is its own distance from a kink; 3 lets all gradients weigh alike. */
function kinked(weights: readonly number[], name = 'weight'): Model {
  const graph = new GraphBuilder('kinked');
  const weight = graph.initializer(name, 'float32', [weights.length], weights);
  const moved = graph.op('Add', [
    graph.input('x', 'float32', ['N', weights.length]),
    graph.op('Constant', [], { value_float: attr.float(3) }),
  ]);
  graph.output(graph.op('Add', [moved, graph.op('Relu', [weight])], {}, 'y'), 'float32', ['N', weights.length]);
  return graph.model();
}

describe('koinon gradcheck', () => {
  it('finds the gradients of a convolutional classifier right, on what goes into its Softmax', async () => {
    const { stdout, exitCode } = await checked(classifier(), '--batch', '3', '--format', 'json');
    const report = JSON.parse(stdout) as GradcheckReport;
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({ modelOutput: 'scores', loss: 'cross-entropy', batch: 3, passed: true, skipped: [] });
    expect(report.parameters.map(({ parameter, compared }) => [parameter, compared])).toEqual([
      ['kernel', 20],
      ['bias', 4],
      ['weight', 12],
    ]);
    for (const { difference } of report.parameters) expect(difference).toBeLessThan(report.tolerance);
  });

  it('checks a model that ships and says what it left out', async () => {
    const { stdout, exitCode } = await runCommand('gradcheck', modelFile);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('binary-cross-entropy on logits, batch 4');
    expect(stdout).toMatch(/^weight +13 +\S+e-\d+$/m);
    expect(stdout).toMatch(/^const_0 +[A-Z]+_[A-Z_]+: /m);
    expect(stdout).toContain('every gradient within 0.005');
    // random data saturates the Clip behind them
    expect(stdout).toMatch(/^centre +13 +0\.00e\+0 +always 0: not tested$/m);
    expect(stdout).toMatch(/, 2 of 4 not tested$/m);
  });

  it('leaves out what lies at a kink, unless that is most of it', async () => {
    const some = await checked(kinked([0.0008, 0.5, -0.5]));
    expect([some.exitCode, some.stdout]).toEqual([0, expect.stringMatching(/^weight +2 .* 1 at kinks left out$/m)]);
    const most = await checked(kinked([0.0008, 0.0008, 0.5]));
    expect([most.exitCode, most.stdout]).toEqual([
      1,
      expect.stringMatching(/^weight +1 .* 2 at kinks left out · FAILED$/m),
    ]);
  });

  it('refuses to call gradients right that are all 0', async () => {
    const { stderr, exitCode } = await checked(kinked([-0.5, -0.7]));
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/^koinon: NOTHING_TO_CHECK: every gradient is 0 /)]);
  });

  it('takes the sizes of open axes, and no batch beyond reason', async () => {
    const graph = new GraphBuilder('sequences');
    const weight = graph.initializer('weight', 'float32', [2, 1], [1, 2]);
    graph.output(graph.op('MatMul', [graph.input('x', 'float32', ['N', 'seq', 2]), weight], {}, 'y'));
    expect((await checked(graph.model(), '--dims', 'seq=3')).exitCode).toBe(0);
    expect((await checked(graph.model())).stderr).toContain('axis 1 ("seq") is open; give its size');
    expect((await checked(graph.model(), '--dims', 'seq=3', '--batch', '65537')).stderr).toMatch(
      /^koinon: BATCH_TOO_LARGE: /,
    );
  });

  it('takes the loss and where it is taken', async () => {
    const other = await checked(classifier(), '--loss', 'mse', '--format', 'json');
    expect([other.exitCode, JSON.parse(other.stdout)]).toEqual([
      0,
      expect.objectContaining({ loss: 'mse', modelOutput: 'classes', passed: true }),
    ]);
    const inner = await checked(classifier(), '--loss', 'mse', '--model-output', 'scores');
    expect([inner.exitCode, inner.stdout]).toEqual([0, expect.stringContaining('mse on scores, batch 4')]);
    expect((await checked(classifier(), '--loss', 'bce')).stderr).toMatch(/^koinon: LOSS_CONTRADICTS_MODEL: /);
    expect((await checked(classifier(), '--model-output', 'nothing')).stderr).toMatch(
      /^koinon: MODEL_OUTPUT_UNKNOWN: /,
    );
  });

  it('skips each weight without a gradient, wherever it is among the others, and checks the rest', async () => {
    const graph = new GraphBuilder('bounded');
    let value = graph.input('x', 'float32', ['N', 2]);
    for (const layer of [1, 2, 3]) {
      const bounds = [[-9], [9]].map((bound, end) => graph.initializer(`bound ${layer} ${end}`, 'float32', [], bound));
      value = graph.op('Clip', [
        graph.op('Mul', [value, graph.initializer(`weight ${layer}`, 'float32', [2], [1, 2])]),
        ...bounds,
      ]);
    }
    graph.output(value);
    const report = JSON.parse((await checked(graph.model(), '--format', 'json')).stdout) as GradcheckReport;
    expect(report.parameters.map(({ parameter }) => parameter)).toEqual(['weight 1', 'weight 2', 'weight 3']);
    expect(report.skipped.map(({ parameter }) => parameter)).toEqual(
      [1, 2, 3].flatMap((layer) => [`bound ${layer} 0`, `bound ${layer} 1`]),
    );
  });

  it('prints names without what would act on the terminal', async () => {
    const { stdout } = await checked(kinked([0.5], '\x1b]0;owned\x07\nweight 20 ok'));
    expect(stdout).toContain('\\u{1b}]0;owned\\u{7}\\u{a}weight 20 ok  1 ');
  });

  it('exits with 1 where a gradient and the differences disagree', async () => {
    const { stdout, exitCode } = await checked(step());
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^weight .* FAILED$/m);
    expect(stdout).toContain('a gradient differs by more than 0.005');
  });

  it('refuses a model without weights', async () => {
    const graph = new GraphBuilder('bare');
    graph.output(graph.op('Relu', [graph.input('x', 'float32', ['N', 2])], {}, 'y'), 'float32', ['N', 2]);
    const { stderr, exitCode } = await checked(graph.model());
    expect([exitCode, stderr]).toEqual([2, 'koinon: NOTHING_TO_CHECK: no float32 initializer has a gradient\n']);
  });

  it('says where the weights are that it cannot check', async () => {
    const { stderr, exitCode } = await checked(constantWeights());
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringMatching(
        /^koinon: NOTHING_TO_CHECK: no float32 initializer has a gradient: its weights are Constant nodes; .*export them as float32 initializers$/m,
      ),
    ]);
  });

  it('takes whole batches only', async () => {
    for (const batch of ['0', '1.5', 'many', ''])
      await expect(runCommand('gradcheck', modelFile, '--batch', batch)).rejects.toThrow('a whole number above 0');
  });
});
