import { once } from 'node:events';
import { DataError, loadHospitalData, type DataSource, type HospitalData } from '@koinon/records';
import { ClippedGradient } from './clipped-gradient.js';
import { type Charged, type ChildReply, type TaskLimits, type TrainJob, type TrainResult } from './protocol.js';
import { randomSource } from './random-source.js';
import { trainLocally } from './trainer.js';
import { tensorBytes } from './task-checks.js';
import { TrainingError } from './training-error.js';

/**
 * A training inside the task process: says when it could begin and waits until that is paid for.
 * @throws TrainingError TRAINING_DATA_INVALID and what training throws
 */
export async function train(model: Uint8Array, job: TrainJob, limits: TaskLimits): Promise<TrainResult> {
  const data = load(job.data);
  const gradient = await ClippedGradient.of(
    model,
    { ...job, clippingNorm: job.privacy.clippingNorm, memoryLimitBytes: tensorBytes(limits) },
    data,
  );
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

function load(source: DataSource): HospitalData {
  try {
    return loadHospitalData(source);
  } catch (error) {
    if (error instanceof DataError) throw new TrainingError('TRAINING_DATA_INVALID', error.message);
    throw error;
  }
}

async function charged(): Promise<Charged> {
  const answered = once(process, 'message');
  process.send?.({ kind: 'ready' } satisfies ChildReply);
  const [{ noisedRecordCount }] = (await answered) as [Charged];
  return { noisedRecordCount };
}
