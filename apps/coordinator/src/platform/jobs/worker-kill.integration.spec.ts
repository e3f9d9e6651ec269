import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { roundPhases, type RoundPhase } from '@koinon/contracts';
import { tempDir, withDatabase, until } from '@koinon/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectOpenedOnce, expectPlainFedAvg } from '../../testing/fed-avg-check.fixture.js';
import { ended, startRun, withFederation } from '../../testing/federation.fixture.js';
import { tinyModel, tinySpec } from '../../testing/tiny-federation.fixture.js';

const WORKER = fileURLToPath(new URL('../../../dist/worker.js', import.meta.url));

/** Park and Miller: the same moments in every run of the test. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

describe('the worker process', () => {
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

  beforeAll(start);
  afterAll(async () => {
    await kill();
    home[Symbol.dispose]();
  });

  it('may be killed at any moment: the run still ends done, and no sum is opened twice', async () => {
    const { coordinator, sites } = federation;
    const random = seeded(20_261_123);
    const { id } = await startRun(coordinator, tinySpec({ rounds: 2 }), tinyModel(17_000));
    for (const site of sites) site.work();
    const moments: [round: number, phase: RoundPhase][] = [
      [1, 'planned'],
      [1, 'freezing'],
      [1, 'decrypting'],
      [1, 'updating'],
      [2, 'aggregating'],
    ];
    for (const [number, phase] of moments) {
      await until(`round ${number} to be ${phase}`, async () => {
        const last = (await coordinator.client.run(id)).rounds.at(-1);
        if (!last || last.number < number) return false;
        return last.number > number || roundPhases.indexOf(last.state) >= roundPhases.indexOf(phase);
      });
      await delay(random(120));
      await kill();
      await start();
    }
    const run = await ended(coordinator, id);
    await expectPlainFedAvg(federation, run);
    await expectOpenedOnce(federation);
    const versions = await coordinator.query<{ round: number }>(
      'SELECT round FROM model_versions WHERE run_id = $1 ORDER BY version',
      [id],
    );
    expect(versions.map((v) => v.round)).toEqual([0, 1, 2]);
    expect(await coordinator.client.auditReport()).toMatchObject({ intact: true });
  }, 300_000);
});
