import { until, withDatabase } from '@koinon/testing';
import { expect, it } from 'vitest';
import { EdgeNode, heartModel, heartSchema, heartSpec } from '../testing/edge-node.fixture.js';
import { ended, startRun, withFederation } from '../testing/federation.fixture.js';

const database = withDatabase();
const federation = withFederation(() => ({ databaseUrl: database.url }), {});

it('a node whose training hangs makes the keys of another federation and the decryption share of a sum', async () => {
  const { coordinator } = federation;
  await using cleveland = await EdgeNode.start(coordinator, 'cleveland', 'off');
  await using hungarian = await EdgeNode.start(coordinator, 'hungarian', 'off');
  const start = (name: string) =>
    startRun(coordinator, heartSpec({ name }), heartModel(), { schema: heartSchema(), seed: 7 });
  const hasSent = async (table: 'uploads' | 'decryption_shares', runId: string): Promise<boolean> => {
    const rows = await coordinator.query(
      `SELECT 1 FROM ${table} t JOIN sums s ON s.id = t.sum_id JOIN rounds r ON r.id = s.round_id WHERE t.site = 'cleveland' AND r.run_id = $1`,
      [runId],
    );
    return rows.length > 0;
  };
  // From its first task on, a process waits at each node for the next one.
  expect(await ended(coordinator, (await start('before')).id)).toMatchObject({ state: 'done' });

  const letHungarianGo = hungarian.holdNextTask();
  const first = await start('first');
  await until('the update of the first federation', () => hasSent('uploads', first.id));
  const letClevelandGo = cleveland.holdNextTask();
  const second = await start('second');
  await until('the keys of the second federation', async () => {
    const { rounds } = await coordinator.client.run(second.id);
    return rounds[0]?.state === 'collecting';
  });
  letHungarianGo();
  await until('the decryption share of the first federation', () => hasSent('decryption_shares', first.id));
  expect(await hasSent('uploads', second.id)).toBe(false);

  letClevelandGo();
  for (const { id } of [first, second]) expect(await ended(coordinator, id)).toMatchObject({ state: 'done' });
});
