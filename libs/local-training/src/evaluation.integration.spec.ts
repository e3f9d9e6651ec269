import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GraphBuilder, attr, encodeModel } from '@koinon/onnx';
import { loadHospitalData } from '@koinon/records';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { testRecords } from './evaluation.js';
import type { EvaluateJob } from './protocol.js';
import { folder, job, withTasks } from './testing/heart-task.js';

const { runner, tasks } = withTasks();

describe('evaluation in a process of its own', () => {
  const evaluation: EvaluateJob = { modelFile: job.modelFile, ...testRecords(loadHospitalData(job.data)) };
  /** A model of the job's records that gives one half to everybody once a loop ends whose steps add up, or pile up, 4 MB each. */
  const looping = (folder: string, kind: 'endless' | 'piling up'): string => {
    const body = new GraphBuilder('body');
    body.input('step', 'int64', []);
    body.input('going', 'bool', []);
    body.input('total', 'float32', ['N', 13]);
    body.output(body.op('Identity', ['going']));
    body.output(body.op('Add', ['total', 'features']));
    if (kind === 'piling up') body.output(body.op('Expand', [body.float(1), body.ints(2 ** 20)]));
    const graph = new GraphBuilder(kind);
    graph.input('features', 'float32', ['N', 13]);
    const [total] = graph.op(
      'Loop',
      [graph.constant('int64', [], [Number.MAX_SAFE_INTEGER]), graph.constant('bool', [], [1]), 'features'],
      { body: attr.graph(body.graph) },
      kind === 'endless' ? ['total_'] : ['total_', 'pile'],
    );
    graph.op(
      'Sigmoid',
      [graph.op('ReduceMean', [graph.op('Mul', [total, graph.float(0)]), graph.ints(1)], { keepdims: attr.int(1) })],
      {},
      'probability',
    );
    graph.output('probability', 'float32', ['N', 1]);
    if (kind === 'piling up') graph.output('pile');
    const modelFile = join(folder, `${kind}.onnx`);
    writeFileSync(modelFile, encodeModel(graph.model()));
    return modelFile;
  };

  it('scores every test record', async () => {
    // The untrained model gives one half to everybody.
    expect(await tasks.evaluate(evaluation)).toEqual(new Float32Array(104).fill(0.5));
  });

  it.each([
    ['EVALUATION_TIMED_OUT', 'endless', { timeoutMs: 1500 }],
    ['EVALUATION_MEMORY_EXCEEDED', 'piling up', { memoryMb: 256 }],
  ] as const)('ends with %s a model whose loop is %s, and the next one is evaluated', async (code, kind, limits) => {
    using dir = tempDir();
    const limited = runner(limits);
    await expect(limited.evaluate({ ...evaluation, modelFile: looping(dir.path, kind) })).rejects.toMatchObject({
      code,
    });
    expect(await limited.evaluate(evaluation)).toHaveLength(104);
  });

  it.each([
    ['EVALUATION_MODEL_INVALID', { modelFile: join(folder, 'missing.onnx') }],
    ['EVALUATION_MODEL_INVALID', { modelFile: join(folder, 'records.schema.json') }],
    ['EVALUATION_MODEL_INVALID', { inputName: 'others' }],
  ])('answers with %s what it cannot evaluate', async (code, over) => {
    await expect(tasks.evaluate({ ...evaluation, ...over })).rejects.toMatchObject({ code });
  });
});
