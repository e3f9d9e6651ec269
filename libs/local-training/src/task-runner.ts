import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type EvaluateJob,
  type Task,
  type TaskLimits,
  type TaskResults,
  type TrainJob,
  type TrainResult,
} from './protocol.js';
import { checkJob, checkLimits, tensorBytes } from './task-checks.js';
import { TaskProcess } from './task-process.js';
import { TrainingError } from './training-error.js';

export interface RunnerOptions {
  /** Ends the running task and the waiting process at once; no task is taken afterwards. */
  readonly signal?: AbortSignal;
  /** Entry of the child process. */
  readonly childFile?: string;
}

/** The built bundle, also for tests, which run from `src`. */
const ownChild = fileURLToPath(new URL('../dist/bundle/task.child.js', import.meta.url));

/**
 * Runs models of others on the records of this site, each in a process of its own that time and memory limits can kill
 * without hurting whoever serves predictions. The next process is started ahead and waits, with what it will probably need, so
 * that a task does not pay for its start; it still takes one task only.
 */
export class TaskRunner {
  private readonly signal: AbortSignal;
  private readonly childFile: string;
  private waiting: TaskProcess | undefined;

  /** @throws TrainingError TRAINING_JOB_INVALID for limits that cannot be honoured */
  constructor(
    private readonly limits: TaskLimits,
    { signal = new AbortController().signal, childFile = ownChild }: RunnerOptions = {},
  ) {
    checkLimits(limits);
    this.signal = signal;
    this.childFile = childFile;
  }

  /** A training is near: its process starts, unless one waits. */
  prepare(): void {
    this.waiting ??= this.startAhead('train');
  }

  /**
   * One round of local training.
   * @param charge called once the job is known to be trainable, before a record is used: pays for it and gives the noised record count
   * @throws TrainingError TRAINING_TIMED_OUT, TRAINING_MEMORY_EXCEEDED, TRAINING_CANCELLED, TRAINING_CRASHED, what `charge` throws
   * and what the child reports
   */
  async train(job: TrainJob, charge: () => number, signal?: AbortSignal): Promise<TrainResult> {
    checkJob(job);
    refuseTooLarge(job, this.limits);
    return this.run('train', { kind: 'train', job }, signal, charge);
  }

  /**
   * The model's score of each record, exact.
   * @throws TrainingError EVALUATION_TIMED_OUT, EVALUATION_MEMORY_EXCEEDED, EVALUATION_CANCELLED, EVALUATION_CRASHED and what the child reports
   */
  async evaluate(job: EvaluateJob, signal?: AbortSignal): Promise<Float32Array> {
    return this.run('evaluate', { kind: 'evaluate', job }, signal);
  }

  private async run<Kind extends Task['kind']>(
    kind: Kind,
    task: Task,
    signal = this.signal,
    charge?: () => number,
  ): Promise<TaskResults[Kind]> {
    const until = AbortSignal.any([this.signal, signal]);
    const prefix = kind === 'train' ? 'TRAINING' : 'EVALUATION';
    if (until.aborted) throw new TrainingError(`${prefix}_CANCELLED`, 'it was cancelled before it began');
    const order = { task, limits: this.limits };
    const waiting = this.waiting;
    this.waiting = undefined;
    let reply = await (waiting ?? this.start(kind)).run(order, until, charge);
    // It was killed while it waited.
    if (waiting && reply.kind === 'ended' && reply.reason === 'NOT_TAKEN')
      reply = await this.start(kind).run(order, until, charge);
    this.waiting = this.startAhead(kind === 'train' ? 'evaluate' : 'train');
    if (reply.kind === 'done') return reply.result as TaskResults[Kind];
    if (reply.kind === 'failed') throw new TrainingError(reply.code, reply.message);
    throw new TrainingError(`${prefix}_${reply.reason === 'NOT_TAKEN' ? 'CRASHED' : reply.reason}`, reply.message);
  }

  /** A result is not lost because the next process cannot be started: the next task tries again and says why. */
  private startAhead(probably: Task['kind']): TaskProcess | undefined {
    try {
      return this.signal.aborted ? undefined : this.start(probably);
    } catch {
      return undefined;
    }
  }

  private start(probably: Task['kind']): TaskProcess {
    return new TaskProcess(this.childFile, probably, this.limits.memoryMb, this.signal);
  }
}

/** A graph holds its weights at least four times, fed, computed, returned and as a gradient, and its model once. */
function refuseTooLarge(job: TrainJob, limits: TaskLimits): void {
  const least = Math.max(4 * job.weights.byteLength, statSync(job.modelFile, { throwIfNoEntry: false })?.size ?? 0);
  if (least > tensorBytes(limits))
    throw new TrainingError(
      'TRAINING_MEMORY_EXCEEDED',
      `training this model takes at least ${megabytes(least)} MB of tensors, for which the limit of ${limits.memoryMb} MB leaves ${megabytes(tensorBytes(limits))}; raise the limit or train fewer layers`,
    );
}

const megabytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
