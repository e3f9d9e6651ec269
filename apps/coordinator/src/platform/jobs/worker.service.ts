import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { parse } from '@koinon/contracts';
import { UnrecoverableError, Worker, type Job } from 'bullmq';
import { QUEUE_BACKEND, type QueueBackend } from './backend.js';
import { failureOf, isPermanent, isTransient } from './job-failure.js';
import { JobFailures } from './job-failures.service.js';
import { handlersByName, jobMap, queueNames, type JobHandler, type JobName } from './job-map.js';
import { JobsService } from './jobs.service.js';

export const JOB_HANDLERS = Symbol('JobHandlers');

/** The jobs of a killed worker are taken over within the sum of these; a live one renews its locks in half the first. */
const TAKE_OVER = { lockDuration: 10_000, stalledInterval: 5_000 } as const;

/** How long lost jobs and deadlines wait at most where the queue has forgotten its scheduler. */
const REMIND_EVERY_MS = 5_000;

@Injectable()
export class WorkerService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger('worker');
  private workers: Worker[] = [];
  private reminder: NodeJS.Timeout | undefined;

  constructor(
    @Inject(QUEUE_BACKEND) private readonly backend: QueueBackend,
    @Inject(JOB_HANDLERS) private readonly handlers: JobHandler[],
    @Inject(JobsService) private readonly jobs: JobsService,
    private readonly failures: JobFailures,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const byName = handlersByName(this.handlers);
    this.workers = queueNames.map((queue) => {
      const worker = new Worker(queue, (job) => this.run(byName, job), {
        connection: this.backend.connection,
        concurrency: 2,
        ...TAKE_OVER,
      });
      worker.on('error', (error) => this.log.warn(`queue ${queue}: ${error.message}`));
      return worker;
    });
    await Promise.all(this.workers.map((w) => w.waitUntilReady()));
    await this.jobs.scheduleReconciler();
    // A Redis that restarted empty has forgotten the reconciler; one that is away is asked again.
    this.reminder = setInterval(() => void this.jobs.scheduleReconciler().catch(() => undefined), REMIND_EVERY_MS);
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.reminder);
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
      const attempt = job.attemptsMade + 1;
      const last = isPermanent(error) || attempt >= (job.opts.attempts ?? 1);
      const { code } = failureOf(error);
      if (last) this.log.error(`${name} gave up`, error instanceof Error ? error.stack : String(error));
      // Where the database itself is away, the log is all there is.
      await this.failures
        .record({ job: name, data: job.data as Record<string, unknown>, code, attempt, gaveUp: last })
        .catch(() => undefined);
      if (!last) throw error;
      // What waits for a service is asked for again by the reconciler: nothing has failed yet.
      if (!isTransient(error)) await handler.gaveUp(data, error);
      throw new UnrecoverableError(code);
    }
  }
}
