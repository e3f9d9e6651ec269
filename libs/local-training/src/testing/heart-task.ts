import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import type { TaskLimits, TrainJob, TrainResult } from '../protocol.js';
import { TaskRunner } from '../task-runner.js';

export const folder = fileURLToPath(new URL('../../../../models/heart-disease/', import.meta.url));

/** What one hospital of the study holds. */
export const source = (centre: string): TrainJob['data'] => ({
  file: `${folder}data/processed.${centre}.data`,
  schemaFile: `${folder}records.schema.json`,
  splitFile: `${folder}data/flamby_split_43.json`,
  centre,
});

/** One round of training at a hospital, without noise. */
export const job: TrainJob = {
  modelFile: `${folder}generated/model.onnx`,
  trainable: ['weight', 'bias'],
  loss: 'bce',
  output: 'logits',
  data: source('cleveland'),
  weights: new Float32Array(14),
  round: 1,
  local: { steps: 25, samplingRate: 0.3, learningRate: 0.2, optimizer: 'sgd', proximalMu: 0 },
  correction: null,
  privacy: { clippingNorm: 1, noiseMultiplier: 0, recordCountNoise: 0 },
  seed: 11,
};

interface TaskFixture {
  /** Of its own limits; ends with the file. */
  runner(limits?: Partial<TaskLimits>): TaskRunner;
  /** Runs a training whose 199 records are paid for. */
  train(job: TrainJob, charge?: () => number, by?: TaskRunner): Promise<TrainResult>;
  readonly tasks: TaskRunner;
}

/** Task processes for the tests of a file. Call it while tests are collected. */
export function withTasks(): TaskFixture {
  const stop = new AbortController();
  afterAll(() => stop.abort());
  const runner = (limits: Partial<TaskLimits> = {}): TaskRunner =>
    new TaskRunner({ memoryMb: 1024, timeoutMs: 60_000, ...limits }, { signal: stop.signal });
  const tasks = runner();
  return { runner, tasks, train: (what, charge = () => 199, by = tasks) => by.train(what, charge) };
}
