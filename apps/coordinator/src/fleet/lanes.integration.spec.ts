import { until, withDatabase } from '@koinon/testing';
import { expect, it } from 'vitest';
import { EdgeNode, heartModel, heartSchema, heartSpec } from '../testing/edge-node.fixture.js';
import { ended, startRun, withFederation } from '../testing/federation.fixture.js';
import type { Behaviour } from '../testing/simulated-site.fixture.js';

const database = withDatabase();
const beta: Behaviour = { train: 'silent' };
const federation = withFederation(() => ({ databaseUrl: database.url }), { beta });

it('a node whose training hangs makes the keys of another federation and its decryption share of a third sum', async () => {
  const { coordinator } = federation;
  await using cleveland = await EdgeNode.start(coordinator, 'cleveland', 'off');
  federation.site('beta').work();
  const start = (name: string) =>
    startRun(coordinator, heartSpec({ name }), heartModel(), { schema: heartSchema(), seed: 7 });
  const of = (table: 'uploads' | 'decryption_shares', runId: string) =>
    coordinator.query(
      `SELECT 1 FROM ${table} t JOIN sums s ON s.id = t.sum_id JOIN rounds r ON r.id = s.round_id WHERE t.site = 'cleveland' AND r.run_id = $1`,
      [runId],
    );

  const first = await start('first');
  await until('the update of the first federation', async () => (await of('uploads', first.id)).length > 0);
  const letGo = cleveland.holdNextTask();
  const second = await start('second');
  await until('the keys of the second federation', async () => {
    const { rounds } = await coordinator.client.run(second.id);
    return rounds[0]?.state === 'collecting';
  });
  beta.train = 'does';
  await until(
    'the decryption share of the first federation',
    async () => (await of('decryption_shares', first.id)).length > 0,
  );
  expect(await of('uploads', second.id)).toEqual([]);

  letGo();
  for (const { id } of [first, second]) expect(await ended(coordinator, id)).toMatchObject({ state: 'done' });
});
