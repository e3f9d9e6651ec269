import { withDatabase, until } from '@koinon/testing';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectPlainFedAvg } from '../testing/fed-avg-check.fixture.js';
import { ended, startRun, withFederation } from '../testing/federation.fixture.js';
import { tinySpec } from '../testing/tiny-federation.fixture.js';

describe('coordinator and worker whose database connections are all killed', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url }), { alpha: {}, beta: {}, gamma: {} });
  let own: pg.Client;

  beforeAll(async () => {
    own = new pg.Client({ connectionString: database.url });
    await own.connect();
  });
  afterAll(() => own.end());

  const others = 'FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()';
  /** Once both processes have come back from the last time: killing nobody would show nothing. */
  const killAll = () =>
    until('connections to kill', async () => {
      const { rowCount } = await own.query(`SELECT pid ${others}`);
      return (rowCount ?? 0) > 3 && own.query(`SELECT pg_terminate_backend(pid) ${others}`);
    });

  it('go on: the run ends done, events arrive, and the API answers with a code meanwhile', async () => {
    const { coordinator, sites } = federation;
    const { id } = await startRun(coordinator, tinySpec({ rounds: 2 }));
    for (const site of sites) site.work();
    const moments = [
      'r.number = 1',
      "r.number = 1 AND r.state <> 'planned'",
      'r.number = 1 AND s.commitment IS NOT NULL',
      "r.number = 2 AND r.state <> 'planned'",
    ];
    for (const moment of moments) {
      await until(`a round with ${moment}`, async () => {
        const reached = await own.query(
          `SELECT 1 FROM rounds r LEFT JOIN sums s ON s.round_id = r.id WHERE r.run_id = $1 AND ${moment}`,
          [id],
        );
        return (reached.rowCount ?? 0) > 0;
      });
      await killAll();
      const { status } = await fetch(new URL('/v1/runs', coordinator.url), {
        headers: { authorization: `Bearer ${coordinator.viewerToken}` },
      });
      expect([200, 503]).toContain(status);
    }
    await until(
      'the end of the run',
      async () => (await own.query("SELECT 1 FROM runs WHERE id = $1 AND state <> 'running'", [id])).rowCount,
    );
    const run = await ended(coordinator, id);
    expect(run).toMatchObject({ state: 'done', failure: null });
    await expectPlainFedAvg(federation, run);
    const stop = new AbortController();
    const reader = (await coordinator.client.events(stop.signal)).getReader();
    await until('events after the reconnect', async () => {
      await coordinator.client.invite('delta', 'Again');
      return new TextDecoder().decode((await reader.read()).value).includes('delta');
    });
    stop.abort();
  });
});
