/** The task process: takes one task over IPC, says when it could train, waits until that is paid for, answers, ends. Killing it at any point loses nothing but its work. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { CodedError } from '@koinon/contracts';
import { SessionError } from '@koinon/onnx-runtime';
import { DataError, loadHospitalData } from '../data/index.js';
import { evaluateModel } from './evaluation.js';
import { tensorBytes, type Charged, type ChildAnswer, type ChildReply, type EvaluateJob, type Order, type TaskLimits, type TrainJob, type TrainResult } from './protocol.js';
import { randomSource } from './random-source.js';
import { trainLocally } from './trainer.js';
import { TrainingError } from './training-error.js';

process.once('message', (order: Order) => {
  void answer(order).then((reply) => process.send?.(reply, () => process.disconnect()));
});
// The edge node is gone: nobody is left to hand a result to.
process.on('disconnect', () => process.exit());

async function answer({ task, limits }: Order): Promise<ChildAnswer> {
  const prefix = task.kind === 'train' ? 'TRAINING' : 'EVALUATION';
  try {
    return { kind: 'done', result: await (task.kind === 'train' ? train(task.job, limits) : evaluate(task.job)) };
  } catch (error) {
    if (error instanceof TrainingError) return { kind: 'failed', code: error.code, message: error.message };
    if (error instanceof DataError) return { kind: 'failed', code: `${prefix}_DATA_INVALID`, message: error.message };
    if (error instanceof SessionError || error instanceof CodedError) return { kind: 'failed', code: `${prefix}_MODEL_INVALID`, message: error.message };
    throw error;
  }
}

async function train(job: TrainJob, limits: TaskLimits): Promise<TrainResult> {
  // Half of what this process would load at its start, and an evaluation needs none of it.
  const { ClippedGradient } = await import('./clipped-gradient.js');
  const data = loadHospitalData(job.data);
  const model = readModel(job.modelFile, 'TRAINING_MODEL_INVALID');
  const gradient = await ClippedGradient.of(model, { ...job, clippingNorm: job.privacy.clippingNorm, memoryLimitBytes: tensorBytes(limits) }, data);
  const randomBytes = randomSource({
    ...(job.seed === undefined ? {} : { seed: job.seed }),
    insecureDeterministic: job.insecureDeterministic === true,
    noiseMultiplier: job.privacy.noiseMultiplier,
    stream: `${job.data.centre}/${job.round}`,
  });
  await gradient.tryOut(job.weights);
  const privacy = { ...job.privacy, ...(await charged()) };
  return trainLocally(gradient, data.train, { ...job, privacy }, randomBytes);
}

async function charged(): Promise<Charged> {
  const answered = once(process, 'message');
  process.send?.({ kind: 'ready' } satisfies ChildReply);
  const [{ noisedRowCount }] = (await answered) as [Charged];
  return { noisedRowCount };
}

async function evaluate({ modelFile, data }: EvaluateJob): Promise<Uint32Array> {
  return evaluateModel(readModel(modelFile, 'EVALUATION_MODEL_INVALID'), loadHospitalData(data));
}

function readModel(file: string, code: 'TRAINING_MODEL_INVALID' | 'EVALUATION_MODEL_INVALID'): Uint8Array {
  try {
    return new Uint8Array(readFileSync(file));
  } catch {
    throw new TrainingError(code, 'the model file cannot be read');
  }
}
