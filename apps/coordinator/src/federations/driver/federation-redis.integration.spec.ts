import { withDatabase, withRedis, until } from '@koinon/testing';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { expectOpenedOnce, expectPlainFedAvg } from '../../testing/fed-avg-check.fixture.js';
import { ended, startRun, withFederation } from '../../testing/federation.fixture.js';
import { tinySpec } from '../../testing/tiny-federation.fixture.js';

describe('a run whose queues live in Redis', () => {
  const database = withDatabase();
  const redis = withRedis();
  const federation = withFederation(() => ({ databaseUrl: database.url, redisUrl: redis.url }), {
    alpha: {},
    beta: {},
    gamma: {},
  });

  it('ends with the weights of plain FedAvg too', async () => {
    const { id } = await startRun(federation.coordinator, tinySpec({ rounds: 2 }));
    for (const site of federation.sites) site.work();
    await expectPlainFedAvg(federation, await ended(federation.coordinator, id));
    await expectOpenedOnce(federation);
  });

  it('goes on, deadlines and all, when Redis restarts empty', async () => {
    const { coordinator } = federation;
    federation.site('gamma').behaviour.ceremony = 'silent';
    const { id } = await startRun(coordinator, tinySpec({ name: 'emptied', min: 2 }));
    await until(
      'the others to post',
      async () =>
        (
          await coordinator.query(
            "SELECT 1 FROM key_epoch_messages m JOIN key_epochs e ON e.id = m.key_epoch_id WHERE e.state = 'running'",
          )
        ).length === 2,
    );
    const queues = new Redis(redis.url);
    await queues.flushall();
    await queues.quit();
    await coordinator.query("UPDATE key_epochs SET step_deadline_at = now() WHERE state = 'running'");
    expect(await ended(coordinator, id)).toMatchObject({
      state: 'done',
      rounds: [{ exclusions: [{ site: 'gamma', code: 'EPOCH_SITE_MISSING' }] }],
    });
  });
});
