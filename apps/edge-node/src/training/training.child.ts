/** The training process: takes one job over IPC, says when it could train, waits until that is paid for, answers, ends. Killing it at any point loses nothing but its work. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { DataError, loadHospitalData } from '../data/index.js';
import { ClippedGradient } from './clipped-gradient.js';
import { tensorBytes, type Charged, type ChildReply, type TrainJob } from './protocol.js';
import { randomSource } from './random-source.js';
import { trainLocally } from './trainer.js';
import { TrainingError } from './training-error.js';

process.once('message', (job: TrainJob) => {
  void answer(job).then((reply) => process.send?.(reply, () => process.disconnect()));
});
// The edge node is gone: nobody is left to hand a result to.
process.on('disconnect', () => process.exit());

async function answer(job: TrainJob): Promise<ChildReply> {
  try {
    const data = loadHospitalData(job.data);
    const gradient = await ClippedGradient.of(readModel(job.modelFile), { ...job, clippingNorm: job.privacy.clippingNorm, memoryLimitBytes: tensorBytes(job) }, data);
    const randomBytes = randomSource({
      ...(job.seed === undefined ? {} : { seed: job.seed }),
      insecureDeterministic: job.insecureDeterministic === true,
      noiseMultiplier: job.privacy.noiseMultiplier,
      stream: `${job.data.centre}/${job.round}`,
    });
    await gradient.tryOut(job.weights);
    const privacy = { ...job.privacy, ...(await charged()) };
    return { kind: 'done', result: await trainLocally(gradient, data.train, { ...job, privacy }, randomBytes) };
  } catch (error) {
    if (error instanceof TrainingError) return { kind: 'failed', code: error.code, message: error.message };
    if (error instanceof DataError) return { kind: 'failed', code: 'TRAINING_DATA_INVALID', message: error.message };
    throw error;
  }
}

async function charged(): Promise<Charged> {
  const answered = once(process, 'message');
  process.send?.({ kind: 'ready' } satisfies ChildReply);
  const [{ noisedRowCount }] = (await answered) as [Charged];
  return { noisedRowCount };
}

function readModel(file: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(file));
  } catch {
    throw new TrainingError('TRAINING_MODEL_INVALID', 'the model file cannot be read');
  }
}
