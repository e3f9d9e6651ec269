import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { FlowProducer, Queue, type JobsOptions } from 'bullmq';
import { jobMap, queueNames, type JobRequest, type QueueName } from './job-map.js';
import { QUEUE_BACKEND, type QueueBackend } from './backend.js';

/** Finished jobs leave no trace, so that the reconciler can ask for the same id again. */
const options = (id: string): JobsOptions => ({
  jobId: id,
  attempts: 5,
  backoff: { type: 'exponential', delay: 200 },
  removeOnComplete: true,
  removeOnFail: true,
});

const RECONCILE_EVERY_MS = 2_000;

@Injectable()
export class JobsService implements OnModuleDestroy {
  private readonly queues: ReadonlyMap<QueueName, Queue>;
  private readonly flows: FlowProducer;

  constructor(@Inject(QUEUE_BACKEND) { connection }: QueueBackend) {
    this.queues = new Map(queueNames.map((name) => [name, new Queue(name, { connection })]));
    this.flows = new FlowProducer({ connection });
  }

  async enqueue(request: JobRequest): Promise<void> {
    await this.queues.get(jobMap[request.name].queue)!.add(request.name, request.data, options(request.id));
  }

  /** The parent runs when every child has finished. */
  async enqueueFlow(parent: JobRequest, children: readonly JobRequest[]): Promise<void> {
    const node = (r: JobRequest) => ({ name: r.name, queueName: jobMap[r.name].queue, data: r.data, opts: options(r.id) });
    await this.flows.add({
      ...node(parent),
      children: children.map((child) => ({ ...node(child), opts: { ...options(child.id), failParentOnFailure: true } })),
    });
  }

  async scheduleReconciler(): Promise<void> {
    const template = { name: 'reconcile', data: {}, opts: { removeOnComplete: true, removeOnFail: true } };
    await this.queues.get('federation')!.upsertJobScheduler('reconcile', { every: RECONCILE_EVERY_MS }, template);
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all([...[...this.queues.values()].map((q) => q.close()), this.flows.close()]);
  }
}
