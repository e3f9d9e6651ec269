/** Every job once: name → queue and payload. Jobs carry ids; the database decides what is left to do. */
import { z } from 'zod';

const id = z.uuid();

export const jobMap = {
  /** Moves a run's epochs, sums and rounds as far as the database allows. */
  'run.advance': { queue: 'federation', payload: z.strictObject({ runId: id }) },
  /** Adds blocks [from, to) of a sum whose uploads are frozen. */
  'sum.shard': { queue: 'shards', payload: z.strictObject({ sumId: id, from: z.int(), to: z.int() }) },
  /** Parent of the shards: commits to the whole sum. */
  'sum.root': { queue: 'federation', payload: z.strictObject({ sumId: id }) },
  /** Decrypts a sum with the shares of its decryptors. */
  'sum.combine': { queue: 'federation', payload: z.strictObject({ sumId: id }) },
  /** Strategy step and a new model version. */
  'round.update': { queue: 'federation', payload: z.strictObject({ roundId: id }) },
  /** Re-creates missing jobs and lets deadlines pass. */
  reconcile: { queue: 'federation', payload: z.strictObject({}) },
} as const satisfies Record<string, { queue: QueueName; payload: z.ZodType }>;

export const queueNames = ['federation', 'shards'] as const;
export type QueueName = (typeof queueNames)[number];
export type JobName = keyof typeof jobMap;
export type JobPayload<N extends JobName> = z.infer<(typeof jobMap)[N]['payload']>;

/** A job to enqueue. The id makes it happen once, however often it is asked for. */
export type JobRequest = { [N in JobName]: { name: N; data: JobPayload<N>; id: string } }[JobName];

export interface JobHandler<N extends JobName = JobName> {
  readonly job: N;
  handle(data: JobPayload<N>): Promise<void>;
  /** Records in the database that the job gave up. */
  gaveUp(data: JobPayload<N>, error: unknown): Promise<void>;
}

/** @throws Error at start-up unless every job has exactly one handler */
export function handlersByName(handlers: readonly JobHandler[]): ReadonlyMap<JobName, JobHandler> {
  const byName = new Map<JobName, JobHandler>();
  for (const handler of handlers) {
    if (byName.has(handler.job)) throw new Error(`two handlers for job ${handler.job}`);
    byName.set(handler.job, handler);
  }
  const missing = (Object.keys(jobMap) as JobName[]).filter((name) => !byName.has(name));
  if (missing.length) throw new Error(`no handler for job ${missing.join(', ')}`);
  return byName;
}
