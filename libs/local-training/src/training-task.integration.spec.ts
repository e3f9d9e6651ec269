import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GraphBuilder, attr, encodeModel } from '@koinon/onnx';
import { tempDir } from '@koinon/testing';
import { describe, expect, it, vi } from 'vitest';
import type { TrainJob } from './protocol.js';
import { folder, job, source, withTasks } from './testing/heart-task.js';

const { runner, train } = withTasks();
const noisy: TrainJob = { ...job, privacy: { ...job.privacy, noiseMultiplier: 3.6 } };

describe('the training process', () => {
  it('learns, and repeats itself from a seed while no noise is asked for', async () => {
    const first = await train(job);
    expect(first.loss).toBeLessThan(0.6);
    expect(await train(job)).toEqual(first);
    expect((await train({ ...job, round: 2 })).weights).not.toEqual(first.weights);
  });

  it('never repeats private training from a seed, unless privacy is given up by name', async () => {
    const trained = async (over: object): Promise<Float32Array> => (await train({ ...noisy, ...over })).weights;
    expect(await trained({})).not.toEqual(await trained({}));
    expect(await trained({ insecureDeterministic: true })).toEqual(await trained({ insecureDeterministic: true }));
  });

  it.each([
    ['TRAINING_DATA_INVALID', { data: { ...source('cleveland'), centre: 'nowhere' } }],
    ['TRAINING_MODEL_INVALID', { modelFile: join(folder, 'missing.onnx') }],
    ['TRAINING_MODEL_INVALID', { output: 'probabilities' }],
    ['TRAINING_JOB_INVALID', { weights: new Float32Array(3) }],
  ])('answers with %s what it cannot train, before anything is charged', async (code, over) => {
    const paid = vi.fn<() => number>();
    await expect(train({ ...job, ...over }, paid)).rejects.toMatchObject({ code });
    expect(paid).not.toHaveBeenCalled();
  });
});

describe('a training process with little memory', () => {
  const small = runner({ memoryMb: 256 });
  /** A perceptron of two hidden layers for the records of the job, written to `folder`. */
  const perceptron = (folder: string, width: number): Partial<TrainJob> => {
    const graph = new GraphBuilder('perceptron');
    let value = graph.input('features', 'float32', ['N', 13]);
    const widths = [13, width, width, 1];
    const trainable = widths
      .slice(1)
      .map((outputs, layer) =>
        graph.initializer(
          `weight${layer}`,
          'float32',
          [outputs, widths[layer]!],
          new Float32Array(outputs * widths[layer]!),
        ),
      );
    for (const weight of trainable)
      value = graph.op(
        'Gemm',
        [value, weight],
        { transB: attr.int(1) },
        weight === trainable.at(-1) ? 'logits' : `${weight}.sum`,
      );
    graph.op('Sigmoid', [value], {}, 'probability');
    graph.output('probability', 'float32', ['N', 1]);
    const modelFile = join(folder, `${width}.onnx`);
    writeFileSync(modelFile, encodeModel(graph.model()));
    return {
      modelFile,
      trainable,
      weights: new Float32Array(13 * width + width ** 2 + width),
      local: { ...job.local, steps: 1 },
    };
  };

  it.each([
    ['the graph would need too much', 1380, 'The parameters alone need'],
    ['the weights leave no doubt', 4000, 'training this model takes at least 245 MB'],
  ])('refuses before it starts when %s', async (_name, width, reason) => {
    using dir = tempDir();
    await expect(train({ ...job, ...perceptron(dir.path, width) }, undefined, small)).rejects.toMatchObject({
      code: 'TRAINING_MEMORY_EXCEEDED',
      message: expect.stringContaining(reason) as string,
    });
  });

  it('trains what fits', async () => {
    using dir = tempDir();
    const { steps, loss } = await train({ ...job, ...perceptron(dir.path, 500) }, undefined, small);
    expect({ steps, loss }).toEqual({ steps: 1, loss: expect.closeTo(Math.LN2, 3) as number });
  });
});
