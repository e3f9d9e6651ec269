import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GraphBuilder, attr, encodeModel } from '@koinon/onnx';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import type { TrainJob } from './protocol.js';
import { job, withTasks } from './testing/heart-task.js';

const { train } = withTasks();

describe('one record more or less', () => {
  interface Hostile {
    /** What becomes of the features, [N, 13]. */
    features(graph: GraphBuilder, x: string): string;
    outputs: number;
    logitScale: number;
  }

  /** A model that somebody scaled, written to `folder`, with the job to train it in one step over all records. */
  function hostileJob(folder: string, { features, outputs, logitScale }: Hostile): TrainJob {
    const graph = new GraphBuilder('hostile');
    const x = features(graph, graph.input('features', 'float32', ['N', 13]));
    graph.initializer('weight', 'float32', [13, outputs], new Float32Array(13 * outputs));
    graph.initializer('bias', 'float32', [outputs], new Float32Array(outputs));
    const projection = graph.initializer(
      'projection',
      'float32',
      [outputs, 1],
      new Float32Array(outputs).fill(logitScale),
    );
    graph.op('MatMul', [graph.op('Gemm', [x, 'weight', 'bias']), projection], {}, 'logits');
    graph.output(graph.op('Sigmoid', ['logits']), 'float32', ['N', 1]);
    const modelFile = join(folder, 'hostile.onnx');
    writeFileSync(modelFile, encodeModel(graph.model()));
    return {
      ...job,
      modelFile,
      weights: new Float32Array(14 * outputs),
      privacy: { clippingNorm: 0.01, noiseMultiplier: 0, recordCountNoise: 0 },
      local: { ...job.local, steps: 1, samplingRate: 1, learningRate: 1 },
    };
  }

  /** The job on the same table without one of its training rows. */
  function without(given: TrainJob, folder: string, place: number): TrainJob {
    const { centres } = JSON.parse(readFileSync(given.data.splitFile, 'utf8')) as {
      centres: { cleveland: { train_rows: number[]; test_rows: number[] } };
    };
    const { train_rows: rows, test_rows } = centres.cleveland;
    const splitFile = join(folder, `without-${place}.json`);
    writeFileSync(
      splitFile,
      JSON.stringify({ centres: { cleveland: { train_rows: rows.toSpliced(place, 1), test_rows } } }),
    );
    return { ...given, data: { ...given.data, splitFile } };
  }

  const scaledBy =
    (factor: number) =>
    (graph: GraphBuilder, x: string): string =>
      graph.op('Mul', [x, graph.float(factor)]);
  /** Divides by zero for the patients who are 63 years old. */
  const singular = (graph: GraphBuilder, x: string): string =>
    graph.op('Div', [
      x,
      graph.op('Sub', [graph.op('Gather', [x, graph.ints(0)], { axis: attr.int(1) }), graph.float(63)]),
    ]);

  it.each<[string, Hostile]>([
    ['whose squared gradients underflow', { features: scaledBy(3e16), outputs: 16_384, logitScale: 4e-23 }],
    ['whose squared features overflow', { features: scaledBy(1e30), outputs: 8, logitScale: 1e-20 }],
    ['that has no finite gradient for some of them', { features: singular, outputs: 8, logitScale: 1 }],
  ])('changes what leaves by no more than is accounted for, with a model %s', async (_name, hostile) => {
    using dir = tempDir();
    const given = hostileJob(dir.path, hostile);
    const all = await train(given);
    const moved = (weights: Float32Array): number =>
      Math.sqrt(weights.reduce((sum, value, index) => sum + (value - all.weights[index]!) ** 2, 0));
    // rate = learningRate / (samplingRate · ñ)
    const accounted = (0.01 * (1 + 2 ** -10)) / 199;
    for (const place of [0, 100, 198]) {
      const { weights } = await train(without(given, dir.path, place));
      expect(moved(weights)).toBeLessThanOrEqual(accounted);
    }
    expect(moved(given.weights)).toBeGreaterThan(accounted);
  });
});
