import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GraphBuilder, attr, encodeModel } from '@koinon/onnx';
import { tempDir } from '@koinon/testing';
import { parseSync } from 'vite';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { loadHospitalData } from '@koinon/records';
import { testRecords } from './evaluation.js';
import type { EvaluateJob, TaskLimits, TrainJob, TrainResult } from './protocol.js';
import { TaskRunner } from './task-runner.js';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const bundle = at('../dist/bundle/');
const folder = at('../../../models/heart-disease/');
const source = (centre: string): TrainJob['data'] => ({
  file: `${folder}data/processed.${centre}.data`,
  schemaFile: `${folder}records.schema.json`,
  splitFile: `${folder}data/flamby_split_43.json`,
  centre,
});
const job: TrainJob = {
  modelFile: `${folder}generated/model.onnx`,
  trainable: ['weight', 'bias'],
  loss: 'bce',
  output: 'logits',
  data: source('cleveland'),
  weights: new Float32Array(14),
  round: 1,
  local: { steps: 25, samplingRate: 0.3, learningRate: 0.2, optimizer: 'sgd', proximalMu: 0 },
  privacy: { clippingNorm: 1, noiseMultiplier: 0, recordCountNoise: 0 },
  seed: 11,
};
const stop = new AbortController();
afterAll(() => stop.abort());
const runner = (limits: Partial<TaskLimits> = {}): TaskRunner =>
  new TaskRunner({ memoryMb: 1024, timeoutMs: 60_000, ...limits }, { signal: stop.signal });
const tasks = runner();
const noisy: TrainJob = { ...job, privacy: { ...job.privacy, noiseMultiplier: 3.6 } };

const charge = (): number => 199;
const train = (what: TrainJob, paid = charge, by = tasks): Promise<TrainResult> => by.train(what, paid);

it('is a bundle that loads Node and the runtime alone', () => {
  const files = readdirSync(bundle, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
  const loaded = files.flatMap((name) => {
    const text = readFileSync(join(bundle, name), 'utf8');
    return parseSync(name, text).module.staticImports.map(({ moduleRequest: { value } }) => value);
  });
  expect(loaded).toContain('onnxruntime-node');
  expect(loaded.filter((name) => !/^(node:|\.)/.test(name) && name !== 'onnxruntime-node')).toEqual([]);
});

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
    await expect(train({ ...job, ...perceptron(dir.path, width) }, charge, small)).rejects.toMatchObject({
      code: 'TRAINING_MEMORY_EXCEEDED',
      message: expect.stringContaining(reason) as string,
    });
  });

  it('trains what fits', async () => {
    using dir = tempDir();
    const { steps, loss } = await train({ ...job, ...perceptron(dir.path, 500) }, charge, small);
    expect({ steps, loss }).toEqual({ steps: 1, loss: expect.closeTo(Math.LN2, 3) as number });
  });
});

describe('the reference', () => {
  it('prints every hospital alone, their average and best, and all rows in one place', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'koinon reference '));
    try {
      const centres = ['cleveland', 'hungarian', 'switzerland', 'va'];
      const federation = {
        name: 'heart-disease',
        task: 'binary',
        model: { file: 'model.onnx', output: 'logits', trainable: job.trainable, loss: 'bce' },
        records: 'records.schema.json',
        sites: { min: 3, threshold: 3, roundTimeoutMs: 120_000 },
        strategy: { name: 'fedavg' },
        rounds: 5,
        local: { steps: 5, samplingRate: 0.3, learningRate: 0.2, optimizer: 'sgd' },
        privacy: { unit: 'record', epsilon: null, delta: 1e-3, clippingNorm: 1 },
        encryption: { scheme: 'ckks-threshold', bits: 16 },
        promotion: { gate: {} },
      };
      const file = join(temporary, 'job.json');
      writeFileSync(
        file,
        JSON.stringify({
          modelFile: job.modelFile,
          federation,
          noiseMultiplier: 0,
          sites: centres.map((id) => ({ id, data: source(id) })),
          seed: 1,
        }),
      );
      const { stdout } = await promisify(execFile)(process.execPath, [at('../dist/reference.js'), '--job', file]);
      const metrics = JSON.parse(stdout) as Record<
        'averageSite' | 'bestSite' | 'pooled',
        { accuracy: number; auc: number }
      > & { sites: Record<string, { accuracy: number }> };
      expect(Object.keys(metrics.sites)).toEqual(centres);
      const accuracies = Object.values(metrics.sites).map((site) => site.accuracy);
      expect(metrics.averageSite.accuracy).toBeCloseTo(accuracies.reduce((sum, accuracy) => sum + accuracy) / 4, 12);
      expect(metrics.bestSite.accuracy).toBe(Math.max(...accuracies));
      // Ranges measured over 20 seeds by a separate implementation: .70 to .71 and .79 to .815.
      expect(metrics.averageSite.accuracy).toBeLessThan(0.73);
      expect(metrics.pooled.accuracy).toBeGreaterThan(0.78);
      expect(metrics.pooled.auc).toBeGreaterThan(0.875);
    } finally {
      rmSync(temporary, { recursive: true });
    }
  });
});
