import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkJob, tensorBytes, type Charged, type ChildReply, type TrainJob, type TrainResult } from './protocol.js';
import { TrainingError } from './training-error.js';

export interface RunOptions {
  /** Ends the child at once. */
  readonly signal?: AbortSignal;
  /** Entry of the child process. */
  readonly childFile?: string;
}

const ownChild = fileURLToPath(new URL('training.child.js', import.meta.url));
const memoryCheckMs = 50;
const keptErrorOutput = 4096;

/**
 * Trains in a process of its own, which a limit can kill without hurting whoever serves predictions.
 * The child gets no environment and no open handles, only the job.
 * @param charge called once the job is known to be trainable, before a record is used: pays for it and gives the noised row count
 * @throws TrainingError TRAINING_TIMED_OUT, TRAINING_MEMORY_EXCEEDED, TRAINING_CANCELLED, TRAINING_CRASHED what `charge` throws and what the child reports
 */
export async function runTraining(job: TrainJob, charge: () => number, { signal, childFile = ownChild }: RunOptions = {}): Promise<TrainResult> {
  checkJob(job);
  refuseTooLarge(job);
  if (signal?.aborted) throw cancelled();
  const { memoryMb, timeoutMs } = job.limits;
  const child = fork(childFile, {
    serialization: 'advanced',
    env: {},
    execArgv: [`--max-old-space-size=${Math.floor(memoryMb / 2)}`],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const { promise, resolve, reject } = Promise.withResolvers<TrainResult>();
  const kill = (reason: unknown): void => {
    reject(reason);
    child.kill('SIGKILL');
  };
  const onAbort = (): void => kill(cancelled());
  signal?.addEventListener('abort', onAbort);
  const deadline = setTimeout(() => kill(new TrainingError('TRAINING_TIMED_OUT', `training took longer than ${timeoutMs} ms`)), timeoutMs);
  const watchdog = setInterval(() => {
    if (residentBytes(child) > memoryMb * 2 ** 20) kill(memoryExceeded(memoryMb));
  }, memoryCheckMs);

  let errorOutput = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errorOutput = (errorOutput + text).slice(-keptErrorOutput);
  });
  child.on('message', (reply: ChildReply) => {
    if (reply.kind === 'ready') pay();
    else if (reply.kind === 'done') resolve(reply.result);
    else reject(new TrainingError(reply.code, reply.message));
  });
  child.on('error', () => reject(new TrainingError('TRAINING_CRASHED', 'the training process could not be started')));
  const closed = new Promise<void>((ended) => {
    child.on('close', (exitCode, exitSignal) => {
      if (errorOutput.includes('heap out of memory')) reject(memoryExceeded(memoryMb));
      else reject(new TrainingError('TRAINING_CRASHED', `the training process ended early (${exitSignal ?? exitCode})`));
      ended();
    });
  });
  const send = (message: TrainJob | Charged): void => {
    child.send(message, (error) => {
      if (error) kill(new TrainingError('TRAINING_CRASHED', 'the training process did not take the job'));
    });
  };
  const pay = (): void => {
    try {
      send({ noisedRowCount: charge() });
    } catch (error) {
      kill(error);
    }
  };
  send(job);
  try {
    return await promise;
  } finally {
    clearTimeout(deadline);
    clearInterval(watchdog);
    signal?.removeEventListener('abort', onAbort);
    child.kill('SIGKILL');
    // Nobody may start the next round while this one still holds memory.
    if (child.pid !== undefined) await closed;
  }
}

/** A graph holds its weights at least four times, fed, computed, returned and as a gradient, and its model once. */
function refuseTooLarge(job: TrainJob): void {
  const least = Math.max(4 * job.weights.byteLength, statSync(job.modelFile, { throwIfNoEntry: false })?.size ?? 0);
  if (least > tensorBytes(job)) throw new TrainingError('TRAINING_MEMORY_EXCEEDED', `training this model takes at least ${megabytes(least)} MB of tensors, for which the limit of ${job.limits.memoryMb} MB leaves ${megabytes(tensorBytes(job))}; raise the limit or train fewer layers`);
}

const megabytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20);

/** Resident memory where the kernel tells (Linux); elsewhere 0, and the heap limit and the deadline remain. */
function residentBytes({ pid }: ChildProcess): number {
  try {
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

const cancelled = (): TrainingError => new TrainingError('TRAINING_CANCELLED', 'training was cancelled');
const memoryExceeded = (memoryMb: number): TrainingError =>
  new TrainingError('TRAINING_MEMORY_EXCEEDED', `training needed more than ${memoryMb} MB; raise the limit or lower the batch`);
