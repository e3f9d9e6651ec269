/** Where BullMQ keeps its queues: Redis when configured, else the same PostgreSQL. */
import { createPostgresBackend, setDefaultBackendFactory, type ConnectionOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { Logger } from '@nestjs/common';
import { CodedError } from '@koinon/contracts';
import type { Config } from '../config.js';
import { QuietClient } from '../database/quiet-client.js';

export interface QueueBackend {
  readonly connection: ConnectionOptions;
  /**
   * Resolves when the queue answers and keeps its jobs; the database, which is asked anyway, where the queues live in it.
   * @throws CodedError REDIS_EVICTS
   */
  ping(): Promise<unknown>;
  close(): Promise<void>;
}

const log = new Logger('redis');

export const QUEUE_BACKEND = Symbol('QueueBackend');

/** @throws CodedError REDIS_UNREACHABLE when Redis does not answer within the connect timeout, REDIS_EVICTS */
export async function connectQueueBackend(config: Config): Promise<QueueBackend> {
  if (!config.redisUrl) {
    setDefaultBackendFactory(createPostgresBackend as never);
    // Waiting for jobs has a connection of its own, so that each queue object does with few.
    const connection = {
      connectionString: config.databaseUrl,
      schema: 'bullmq',
      migrate: true,
      max: 2,
      Client: QuietClient,
    };
    return { connection: connection as never, ping: () => Promise.resolve(), close: () => Promise.resolve() };
  }
  setDefaultBackendFactory();
  const redis = new Redis(config.redisUrl, {
    maxRetriesPerRequest: null,
    lazyConnect: true,
    retryStrategy: (n) => Math.min(100 * 2 ** n, 2000),
  });
  // ioredis reconnects by itself; without a listener an error event would end the process.
  redis.on('error', () => undefined);
  const ready = new Promise<void>((resolve, reject) => {
    redis.once('ready', resolve);
    setTimeout(() => reject(new CodedError('REDIS_UNREACHABLE')), config.connectTimeoutMs).unref();
  });
  redis.connect().catch(() => undefined);
  try {
    await ready;
    if ((await refuseEviction(redis)) === 'unknown')
      log.warn('Redis does not tell its maxmemory-policy: make sure that it is noeviction');
  } catch (error) {
    redis.disconnect();
    throw error;
  }
  return {
    connection: redis as never,
    ping: () => refuseEviction(redis),
    close: async () => void (redis.status === 'ready' ? await redis.quit() : redis.disconnect()),
  };
}

/** Jobs are no cache: a Redis that makes room by removing keys would remove them. */
async function refuseEviction(redis: Redis): Promise<'kept' | 'unknown'> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1];
  if (policy === 'noeviction') return 'kept';
  if (policy !== undefined) throw new CodedError('REDIS_EVICTS', `its maxmemory-policy is ${policy}`);
  return 'unknown';
}
