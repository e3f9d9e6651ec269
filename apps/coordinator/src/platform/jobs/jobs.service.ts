import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { CodedError } from '@koinon/contracts';
import { FlowProducer, Queue, type JobsOptions } from 'bullmq';
import { failureOf } from './job-failure.js';
import { jobMap, queueNames, type JobRequest, type QueueName } from './job-map.js';
import { QUEUE_BACKEND, type QueueBackend } from './backend.js';
import { within } from '../within.js';

/** Finished jobs leave no trace, so that the reconciler can ask for the same id again. */
const options = (id: string): JobsOptions => ({
  jobId: id,
  attempts: 5,
  backoff: { type: 'exponential', delay: 200 },
  removeOnComplete: true,
  removeOnFail: true,
});

const RECONCILE_EVERY_MS = 2_000;

/** A queue that is away takes the job when it is back; whoever asks is told meanwhile. */
const ENQUEUE_WITHIN_MS = 10_000;

/** @throws CodedError REDIS_UNREACHABLE, REDIS_OUT_OF_MEMORY */
async function asked(adding: Promise<unknown>): Promise<void> {
  await within(ENQUEUE_WITHIN_MS, adding, 'REDIS_UNREACHABLE').catch((error: unknown) => {
    throw error instanceof Error && error.message.includes('OOM command not allowed')
      ? new CodedError('REDIS_OUT_OF_MEMORY')
      : error;
  });
}

@Injectable()
export class JobsService implements OnModuleDestroy {
  private readonly log = new Logger('jobs');
  private readonly queues: ReadonlyMap<QueueName, Queue>;
  private readonly flows: FlowProducer;

  constructor(@Inject(QUEUE_BACKEND) { connection }: QueueBackend) {
    this.queues = new Map(queueNames.map((name) => [name, new Queue(name, { connection })]));
    this.flows = new FlowProducer({ connection });
    // A lost connection is told by whoever asks next; without a listener the whole connection would be printed.
    const warn = (error: Error): void => this.log.warn(`queue: ${error.message}`);
    for (const queue of this.queues.values()) queue.on('error', warn);
    this.flows.on('error', warn);
  }

  async enqueue(request: JobRequest): Promise<void> {
    await asked(this.queues.get(jobMap[request.name].queue)!.add(request.name, request.data, options(request.id)));
  }

  /**
   * Has a run moved on. What it moves on from is committed: where the queue has no room or is away, the reconciler
   * does it later, and whoever asks is answered.
   */
  async wake(runId: string, cause: string): Promise<void> {
    await this.enqueue({ name: 'run.advance', data: { runId }, id: `advance-${cause}` }).catch((error: unknown) =>
      this.log.warn(`run ${runId} waits for the reconciler: ${failureOf(error).code}`),
    );
  }

  /** The parent runs when every child has finished. */
  async enqueueFlow(parent: JobRequest, children: readonly JobRequest[]): Promise<void> {
    const node = (r: JobRequest) => ({
      name: r.name,
      queueName: jobMap[r.name].queue,
      data: r.data,
      opts: options(r.id),
    });
    await asked(
      this.flows.add({
        ...node(parent),
        children: children.map((child) => ({
          ...node(child),
          opts: { ...options(child.id), failParentOnFailure: true },
        })),
      }),
    );
  }

  async scheduleReconciler(): Promise<void> {
    const template = { name: 'reconcile', data: {}, opts: { removeOnComplete: true, removeOnFail: true } };
    await this.queues.get('federation')!.upsertJobScheduler('reconcile', { every: RECONCILE_EVERY_MS }, template);
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all([...[...this.queues.values()].map((q) => q.close()), this.flows.close()]);
  }
}
