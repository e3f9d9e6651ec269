import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RoundState } from '@koinon/contracts';
import { tempDir, withDatabase, until } from '@koinon/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectOpenedOnce, expectPlainFedAvg } from '../../testing/fed-avg-check.fixture.js';
import { ended, startRun, withFederation } from '../../testing/federation.fixture.js';
import { tinyModel, tinySpec } from '../../testing/tiny-federation.fixture.js';

const WORKER = fileURLToPath(new URL('../../../dist/worker.js', import.meta.url));
const order: readonly RoundState[] = [
  'planned',
  'collecting',
  'closing',
  'aggregating',
  'decrypting',
  'updating',
  'evaluating',
  'done',
];

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
    const moments: [round: number, state: RoundState][] = [
      [1, 'planned'],
      [1, 'closing'],
      [1, 'decrypting'],
      [1, 'updating'],
      [2, 'aggregating'],
    ];
    for (const [number, state] of moments) {
      await until(`round ${number} to be ${state}`, async () => {
        const [round] = await coordinator.query<{ state: RoundState }>(
          'SELECT state FROM rounds WHERE run_id = $1 AND number >= $2 ORDER BY number DESC LIMIT 1',
          [id, number],
        );
        return round && order.indexOf(round.state) >= order.indexOf(state);
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
