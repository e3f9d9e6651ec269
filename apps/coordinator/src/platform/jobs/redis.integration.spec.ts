import { withDatabase, withRedis, until } from '@koinon/testing';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Config } from '../config.js';
import { startRun, withFederation } from '../../testing/federation.fixture.js';
import { InProcessCoordinator } from '../../testing/in-process.fixture.js';
import { connectQueueBackend } from './backend.js';
import { tinySpec } from '../../testing/tiny-federation.fixture.js';

describe('a Redis that holds the queues', () => {
  const database = withDatabase();
  const server = withRedis();
  const federation = withFederation(() => ({ databaseUrl: database.url, redisUrl: server.url }), {
    alpha: {},
    beta: {},
    gamma: {},
  });
  let redis: Redis;

  beforeAll(() => {
    redis = new Redis(server.url);
  });
  afterAll(() => redis.disconnect());

  const ready = async (): Promise<{ status: number; code?: string }> => {
    const response = await fetch(new URL('/v1/health/ready', federation.coordinator.url));
    return { status: response.status, ...((await response.json()) as { code?: string }) };
  };

  it('is part of being ready', async () => {
    expect(await ready()).toMatchObject({ status: 200 });
    await redis.call('CLIENT', 'PAUSE', '4000', 'ALL');
    expect(await ready()).toMatchObject({ status: 503, code: 'REDIS_UNREACHABLE' });
    await until('Redis to answer again', async () => (await ready()).status === 200);
  });

  it('that is full delays a run, which begins when there is room again', async () => {
    const { client } = federation.coordinator;
    await redis.config('SET', 'maxmemory', '1');
    const { id, state, rounds } = await startRun(federation.coordinator, tinySpec());
    expect({ state, rounds }).toEqual({ state: 'running', rounds: [] });
    await redis.config('SET', 'maxmemory', '0');
    await until('the ceremony', async () => (await client.run(id)).rounds[0]?.keyEpochId);
    expect(await client.cancelRun(id)).toMatchObject({ state: 'cancelled' });
  });

  it.each(['allkeys-lru', 'volatile-ttl'])('that makes room by %s is refused at the start', async (policy) => {
    await redis.config('SET', 'maxmemory-policy', policy);
    await expect(
      InProcessCoordinator.start({ databaseUrl: database.url, redisUrl: server.url, worker: false }),
    ).rejects.toMatchObject({ code: 'REDIS_EVICTS', detail: `its maxmemory-policy is ${policy}` });
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
  });

  it('that starts to make room later is not ready', async () => {
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    expect(await ready()).toMatchObject({ status: 500, code: 'REDIS_EVICTS' });
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
    expect(await ready()).toMatchObject({ status: 200 });
  });

  it('that does not tell its policy is taken with a warning', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
    onTestFinished(() => warn.mockRestore());
    // As services do that run Redis for others.
    const info = Reflect.get(Redis.prototype, 'info') as (...args: unknown[]) => Promise<string>;
    const asked = vi.spyOn(Redis.prototype, 'info').mockImplementation(function (this: Redis, ...args: unknown[]) {
      return args[0] === 'memory' ? Promise.resolve('# Memory\r\n') : info.apply(this, args);
    });
    onTestFinished(() => asked.mockRestore());
    const { ping, close } = await connectQueueBackend({ redisUrl: server.url, connectTimeoutMs: 10_000 } as Config);
    await ping();
    await close();
    expect(warn.mock.calls).toEqual([[expect.stringContaining('maxmemory-policy')]]);
  });
});
