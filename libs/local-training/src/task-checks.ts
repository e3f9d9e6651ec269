import { inRange, LONGEST_WAIT_MS } from '@koinon/contracts';
import { gridIsFine } from '@koinon/privacy';
import type { TaskLimits, TrainJob } from './protocol.js';
import { TrainingError } from './training-error.js';

/** Smallest limit that leaves room for the runtime itself, in MB. */
const MINIMUM_MEMORY_MB = 256;

/** What a process takes that has only loaded the runtime and the records, rounded up from 117 MB. */
const IDLE_MB = 128;

/**
 * What a training graph may need of a task's memory: a quarter of what an idle process leaves. The rest is for copies of weights
 * and gradients in messages, files and double precision (a job takes about twice what its graph states) and the heap's slack.
 */
export function tensorBytes({ memoryMb }: TaskLimits): number {
  return (memoryMb - IDLE_MB) * 2 ** 18;
}

/** @throws TrainingError TRAINING_JOB_INVALID naming the first field that cannot be honoured */
export function checkJob(job: TrainJob): void {
  const { local, privacy } = job;
  refuseBroken([
    ['trainable', job.trainable.length > 0 && new Set(job.trainable).size === job.trainable.length],
    ['weights', job.weights.length > 0 && job.weights.every(Number.isFinite)],
    ['round', Number.isSafeInteger(job.round) && job.round > 0],
    ['local.steps', inRange('steps', local.steps)],
    ['local.samplingRate', inRange('samplingRate', local.samplingRate)],
    ['local.learningRate', inRange('learningRate', local.learningRate)],
    ['local.proximalMu', inRange('proximalMu', local.proximalMu)],
    [
      'correction',
      job.correction === null ||
        (job.correction.length === job.weights.length && job.correction.every(Number.isFinite)),
    ],
    ['privacy.clippingNorm', inRange('clippingNorm', privacy.clippingNorm)],
    ['privacy.noiseMultiplier', inRange('noiseMultiplier', privacy.noiseMultiplier)],
    ['privacy.recordCountNoise', inRange('recordCountNoise', privacy.recordCountNoise)],
    ['seed', job.seed === undefined || Number.isSafeInteger(job.seed)],
    ['insecureDeterministic (it needs a seed)', job.insecureDeterministic !== true || job.seed !== undefined],
  ]);
  if (!gridIsFine(privacy, job.weights.length))
    throw new TrainingError('TRAINING_JOB_INVALID', 'privacy.noiseMultiplier is too large for this many weights');
}

/** @throws TrainingError TRAINING_JOB_INVALID as `checkJob` */
export function checkLimits({ memoryMb, timeoutMs }: TaskLimits): void {
  refuseBroken([
    [
      `limits.memoryMb (at least ${MINIMUM_MEMORY_MB})`,
      Number.isSafeInteger(memoryMb) && memoryMb >= MINIMUM_MEMORY_MB,
    ],
    ['limits.timeoutMs', timeoutMs > 0 && timeoutMs <= LONGEST_WAIT_MS],
  ]);
}

function refuseBroken(rules: readonly (readonly [field: string, holds: boolean])[]): void {
  const broken = rules.find(([, holds]) => !holds);
  if (broken) throw new TrainingError('TRAINING_JOB_INVALID', `${broken[0]} is out of range`);
}
