import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Assignment } from '@koinon/contracts';
import { tempDir, withDatabase, until } from '@koinon/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { ended, startRun, withFederation } from '../../testing/federation.fixture.js';
import { tinySpec } from '../../testing/tiny-federation.fixture.js';
import { MOST_CEREMONIES } from '../../federations/rounds/round-state.js';
import { MOST_EXTENSIONS } from './pause.js';
import { SumTransitions } from '../../secure-sums/sum-transitions.js';
import { KeyEpochTransitions } from '../../key-epochs/key-epoch-transitions.js';
import { PauseExtensions } from '../../federations/driver/pause-extensions.service.js';
import { Heartbeat } from './heartbeat.service.js';

const WORKER = fileURLToPath(new URL('../../../dist/worker.js', import.meta.url));

describe('a coordinator that was stopped for longer than every deadline', () => {
  const database = withDatabase();
  const home = tempDir();
  const federation = withFederation(() => ({ databaseUrl: database.url, home: home.path, worker: false }), {
    alpha: {},
    beta: {},
    gamma: {},
  });
  let worker: ChildProcess | undefined;

  const start = async () => {
    const environment = {
      PATH: process.env['PATH'],
      KOINON_DATABASE_URL: database.url,
      KOINON_HOME: home.path,
      KOINON_CEREMONY_STEP_MS: '60000',
    };
    worker = spawn(process.execPath, [WORKER], { env: environment, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    await once(worker, 'message');
  };
  const kill = async () => {
    if (!worker || worker.exitCode !== null || worker.signalCode !== null) return;
    const exit = once(worker, 'exit');
    worker.kill('SIGKILL');
    await exit;
  };
  afterAll(async () => {
    await kill();
    home[Symbol.dispose]();
  });

  /** Ten minutes without a worker: nobody waits for them, all that was written lies ten minutes further back. */
  const pause = async () => {
    await kill();
    const { coordinator } = federation;
    await coordinator.query("UPDATE heartbeats SET at = at - interval '10 min' WHERE role = 'worker'");
    await coordinator.query("UPDATE key_epochs SET step_deadline_at = step_deadline_at - interval '10 min'");
    await coordinator.query("UPDATE sums SET deadline_at = deadline_at - interval '10 min'");
    await start();
  };
  const audited = (action: string) =>
    federation.coordinator.query<{ subject: string }>('SELECT subject FROM audit_log WHERE action = $1', [action]);
  const all = (kind: Assignment['kind']) =>
    Promise.all(
      federation.sites.map(async (site) =>
        site.take(
          await until(`the assignment to ${kind}`, async () => (await site.assignments()).find((a) => a.kind === kind)),
        ),
      ),
    );

  it('gives ceremony and training their full time again and ends the run with everybody', async () => {
    await start();
    const { coordinator, sites } = federation;
    const { id } = await startRun(coordinator, tinySpec());
    await until('the ceremony', async () => (await sites[0]!.assignments()).some((a) => a.kind === 'ceremony'));
    await pause();
    await until('more time', async () => (await audited('epoch.extended')).length === 1);
    for (let step = 0; step < 5; step++) await all('ceremony');
    await until('training', async () => (await sites[0]!.assignments()).some((a) => a.kind === 'task'));
    await pause();
    await until('more time', async () => (await audited('sum.extended')).length === 1);
    for (const site of sites) site.work();
    const run = await ended(coordinator, id);
    expect(run).toMatchObject({
      state: 'done',
      rounds: [{ exclusions: [], participants: ['alpha', 'beta', 'gamma'] }],
    });
    expect(await coordinator.query('SELECT 1 FROM key_epochs')).toHaveLength(1);
  });

  it('does not keep a run for ever: the fourth pause of one step is the sites’ fault again, and ceremonies are begun again only so often', async () => {
    const { coordinator } = federation;
    for (const site of federation.sites) site.behaviour.ceremony = 'silent';
    const { id } = await startRun(coordinator, tinySpec({ name: 'stopped' }));
    const epoch = () => until('a ceremony', async () => (await coordinator.client.run(id)).rounds[0]?.keyEpochId);
    const first = await epoch();
    await coordinator.query('UPDATE key_epochs SET extensions = $1 WHERE id = $2', [MOST_EXTENSIONS, first]);
    await pause();
    await until('another ceremony', async () => (await epoch()) !== first);
    await until('the end of the run', async () => {
      await coordinator.query("UPDATE key_epochs SET step_deadline_at = now() WHERE state = 'running'");
      return (await coordinator.client.run(id)).state === 'failed';
    });
    expect(await coordinator.client.run(id)).toMatchObject({ failure: { code: 'EPOCH_SITE_MISSING' } });
    expect(await audited('epoch.failed')).toHaveLength(MOST_CEREMONIES);
  });

  it('gives more time once when both of its processes come back at the same moment', async () => {
    const { coordinator } = federation;
    const { app, foundations } = coordinator;
    for (const site of federation.sites) site.behaviour.ceremony = 'silent';
    await kill();
    await start();
    const { id } = await startRun(coordinator, tinySpec({ name: 'at-once' }));
    const epoch = await until('a ceremony', async () => (await coordinator.client.run(id)).rounds[0]?.keyEpochId);
    await kill();
    const ofHttp = app.get(Heartbeat);
    await ofHttp.onModuleDestroy();
    const ofWorker = new Heartbeat(foundations.database, 'worker');
    new PauseExtensions(
      foundations.config,
      ofWorker,
      app.get(KeyEpochTransitions),
      app.get(SumTransitions),
    ).onModuleInit();
    await coordinator.query("UPDATE heartbeats SET at = at - interval '10 min'");
    const gate = foundations.database.createQueryRunner();
    await gate.query('SELECT pg_advisory_lock(4711)');
    await coordinator.query(
      `CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NEW; END'`,
    );
    // At the commit: by then each has looked at what it can see of the other.
    await coordinator.query(
      'CREATE CONSTRAINT TRIGGER held AFTER UPDATE ON heartbeats DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION held()',
    );
    const beats = Promise.all([ofHttp.beat(), ofWorker.beat()]);
    await until(
      'both to be under way',
      async () =>
        (
          await coordinator.query(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
          )
        ).length === 2,
    );
    await gate.query('SELECT pg_advisory_unlock(4711)');
    await gate.release();
    await beats;
    await coordinator.query('DROP FUNCTION held CASCADE');
    expect((await audited('epoch.extended')).filter((a) => a.subject === epoch)).toHaveLength(1);
    await ofHttp.onApplicationBootstrap();
    await coordinator.client.cancelRun(id);
  });
});
