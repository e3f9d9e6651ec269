/** Where BullMQ keeps its queues: Redis when configured, else the same PostgreSQL. */
import { createPostgresBackend, setDefaultBackendFactory, type ConnectionOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { CodedError } from '@koinon/contracts';
import type { Config } from '../config.js';

export interface QueueBackend {
  readonly connection: ConnectionOptions;
  close(): Promise<void>;
}

export const QUEUE_BACKEND = Symbol('QueueBackend');

/** @throws CodedError REDIS_UNREACHABLE when Redis does not answer within the connect timeout */
export async function openQueueBackend(config: Config): Promise<QueueBackend> {
  if (!config.redisUrl) {
    setDefaultBackendFactory(createPostgresBackend as never);
    // Waiting for jobs has a connection of its own, so that each queue object does with few.
    const connection = { connectionString: config.databaseUrl, schema: 'bullmq', migrate: true, max: 2 };
    return { connection: connection as never, close: () => Promise.resolve() };
  }
  setDefaultBackendFactory();
  const redis = new Redis(config.redisUrl, { maxRetriesPerRequest: null, lazyConnect: true, retryStrategy: (n) => Math.min(100 * 2 ** n, 2000) });
  // ioredis reconnects by itself; without a listener an error event would end the process.
  redis.on('error', () => undefined);
  const ready = new Promise<void>((resolve, reject) => {
    redis.once('ready', resolve);
    setTimeout(() => reject(new CodedError('REDIS_UNREACHABLE')), config.connectTimeoutMs).unref();
  });
  redis.connect().catch(() => undefined);
  await ready.catch((error: unknown) => {
    redis.disconnect();
    throw error;
  });
  return { connection: redis as never, close: async () => void (await redis.quit()) };
}
