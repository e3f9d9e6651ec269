import { withDatabase, withRedis } from '@koinon/testing';
import { describe, it } from 'vitest';
import { expectOpenedOnce, expectPlainFedAvg } from '../testing/fed-avg-check.fixture.js';
import { ended, startRun, withFederation } from '../testing/federation.fixture.js';
import { tinySpec } from '../testing/tiny-federation.fixture.js';

describe('a run whose queues live in Redis', () => {
  const database = withDatabase();
  const redis = withRedis();
  const federation = withFederation(() => ({ databaseUrl: database.url, redisUrl: redis.url }), { alpha: {}, beta: {}, gamma: {} });

  it('ends with the weights of plain FedAvg too', async () => {
    const { id } = await startRun(federation.coordinator, tinySpec({ rounds: 2 }));
    for (const site of federation.sites) site.work();
    await expectPlainFedAvg(federation, await ended(federation.coordinator, id));
    await expectOpenedOnce(federation);
  });
});
