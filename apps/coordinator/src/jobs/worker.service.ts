import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { parse } from '@koinon/contracts';
import { UnrecoverableError, Worker, type Job } from 'bullmq';
import { QUEUE_BACKEND, type QueueBackend } from './backend.js';
import { failureOf, isPermanent } from './job-failure.js';
import { handlersByName, jobMap, queueNames, type JobHandler, type JobName } from './job-map.js';
import { JobsService } from './jobs.service.js';

export const JOB_HANDLERS = Symbol('JobHandlers');

/** The jobs of a killed worker are taken over within the sum of these; a live one renews its locks in half the first. */
const TAKE_OVER = { lockDuration: 10_000, stalledInterval: 5_000 } as const;

@Injectable()
export class WorkerService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger('worker');
  private workers: Worker[] = [];

  constructor(
    @Inject(QUEUE_BACKEND) private readonly backend: QueueBackend,
    @Inject(JOB_HANDLERS) private readonly handlers: JobHandler[],
    @Inject(JobsService) private readonly jobs: JobsService,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const byName = handlersByName(this.handlers);
    this.workers = queueNames.map((queue) => {
      const worker = new Worker(queue, (job) => this.run(byName, job), { connection: this.backend.connection, concurrency: 2, ...TAKE_OVER });
      worker.on('error', (error) => this.log.warn(`queue ${queue}: ${error.message}`));
      return worker;
    });
    await Promise.all(this.workers.map((w) => w.waitUntilReady()));
    await this.jobs.scheduleReconciler();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.workers.map((w) => w.close()));
  }

  private async run(byName: ReadonlyMap<JobName, JobHandler>, job: Job): Promise<void> {
    const name = job.name as JobName;
    const handler = byName.get(name);
    if (!handler) throw new UnrecoverableError(`unknown job ${name}`);
    const data = parse<unknown>(jobMap[name].payload, job.data) as never;
    try {
      await handler.handle(data);
    } catch (error) {
      const last = isPermanent(error) || job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
      if (!last) throw error;
      this.log.error(`${name} gave up`, error instanceof Error ? error.stack : String(error));
      await handler.gaveUp(data, error);
      throw new UnrecoverableError(failureOf(error).code);
    }
  }
}
