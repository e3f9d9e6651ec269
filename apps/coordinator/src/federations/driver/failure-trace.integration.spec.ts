import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { MOST_RELEASES, type RunView } from '@koinon/contracts';
import { StrategyError } from '@koinon/strategies';
import { withDatabase, until } from '@koinon/testing';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SumRootHandler } from '../../secure-sums/jobs/sum-root.handler.js';
import { SumCombineHandler } from '../../secure-sums/jobs/sum-combine.handler.js';
import { SumJobs } from '../../secure-sums/jobs/sum-jobs.js';
import { SumShardHandler } from '../../secure-sums/jobs/sum-shard.handler.js';
import { AggregationService } from '../../secure-sums/aggregation.service.js';
import { SumTransitions } from '../../secure-sums/sum-transitions.js';
import { BLOBS } from '../../platform/blobs/blob-store.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import { ended, startRun, withFederation } from '../../testing/federation.fixture.js';
import { askedIn, type Asked, type Behaviour } from '../../testing/recordless-site.fixture.js';
import { digest, tinyModel, tinySpec } from '../../testing/tiny-federation.fixture.js';
import { RunAdvanceHandler } from './run-advance.handler.js';
import { RunTransitions } from '../runs/run-transitions.js';

describe('a failure', () => {
  const database = withDatabase();
  const behaviours: Record<string, Behaviour> = { alpha: {}, beta: {}, gamma: {} };
  const federation = withFederation(() => ({ databaseUrl: database.url }), behaviours);

  beforeAll(() => {
    for (const id of ['alpha', 'beta']) federation.site(id).work();
  });
  afterEach(() => {
    for (const behaviour of Object.values(behaviours))
      for (const kind of Object.keys(behaviour)) delete behaviour[kind as keyof Behaviour];
  });

  const begin = async (name: string, model = tinyModel()) =>
    (await startRun(federation.coordinator, tinySpec({ name, threshold: 3 }), model)).id;
  const audited = (subject: string) =>
    federation.coordinator.query<{ action: string; actor: string; code: string | null }>(
      "SELECT action, actor, detail->>'code' AS code FROM audit_log WHERE subject = $1 ORDER BY seq",
      [subject],
    );
  const sumOf = (runId: string, state: string) =>
    until(`a sum to be ${state}`, async () => {
      const [sum] = await federation.coordinator.query<{ id: string }>(
        'SELECT s.id FROM sums s JOIN rounds r ON r.id = s.round_id WHERE r.run_id = $1 AND s.state = $2',
        [runId, state],
      );
      return sum?.id;
    });
  const sumJobs = () => {
    const { app, foundations } = federation.coordinator;
    return new SumJobs(foundations.database, app.get(BLOBS), app.get(SumTransitions), app.get(JobsService));
  };
  /** The handler as the worker has it, to be told late that its job gave up. */
  const combine = () => new SumCombineHandler(sumJobs());
  const leftTrace = async (run: RunView, code: string) => {
    const round = run.rounds[0]!;
    expect(run).toMatchObject({ failure: { code } });
    expect(round).toMatchObject({ state: 'failed', failure: { code } });
    expect(round.timeline.at(-1)).toEqual({ state: 'failed', at: round.finishedAt });
    expect((await audited(round.id)).at(-1)).toMatchObject({ action: 'round.failed', code });
    expect((await audited(run.id)).at(-1)).toMatchObject({ action: `run.${run.state}`, code });
  };

  it('to store a share is told to its site, which sends the same share again', async () => {
    const { coordinator } = federation;
    const site = federation.site('gamma');
    const id = await begin('decrypt');
    const take = async (kind: Asked) =>
      site.take(
        await until(`the assignment to ${kind}`, async () =>
          (await site.assignments()).find((a) => askedIn(a) === kind),
        ),
      );
    for (const kind of ['ceremony', 'ceremony', 'ceremony', 'ceremony', 'ceremony', 'fit'] as const) await take(kind);
    await sumOf(id, 'decrypting');
    await coordinator.query(
      "ALTER TABLE decryption_shares ADD CONSTRAINT shares_refused CHECK (site <> 'gamma') NOT VALID",
    );
    await expect(take('decrypt')).rejects.toMatchObject({ code: 'INTERNAL' });
    await coordinator.query('ALTER TABLE decryption_shares DROP CONSTRAINT shares_refused');
    const share = (await site.assignments()).find((a) => a.kind === 'decrypt')!;
    await Promise.all([site.take(share), site.take(share)]);
    site.work();
    expect((await ended(coordinator, id)).state).toBe('done');
  });

  it('of the server update is in the timeline, in the audit log and in the run', async () => {
    behaviours['gamma']!.decrypt = 'silent';
    const model = tinyModel(5);
    const id = await begin('step', model);
    await sumOf(id, 'decrypting');
    rmSync(join(federation.coordinator.home, 'blobs', 'sha256', digest(model)));
    delete behaviours['gamma']!.decrypt;
    const run = await ended(federation.coordinator, id);
    expect(run.state).toBe('failed');
    expect(run.rounds[0]!.timeline.map((t) => t.state)).toContain('updating');
    await leftTrace(run, run.failure!.code);
    expect(await federation.coordinator.client.failedJobs()).toContainEqual(
      expect.objectContaining({
        job: 'round.update',
        data: { roundId: run.rounds[0]!.id },
        code: run.failure!.code,
        gaveUp: true,
      }),
    );
  });

  it('that nobody foresaw is INTERNAL, and ends the sum, the round and the run', async () => {
    behaviours['gamma']!.fit = 'silent';
    const id = await begin('unforeseen');
    const sumId = await sumOf(id, 'collecting');
    await combine().gaveUp({ sumId }, new Error('the disk is full'));
    await leftTrace(await ended(federation.coordinator, id), 'INTERNAL');
    expect((await audited(sumId)).at(-1)).toMatchObject({
      action: 'sum.failed',
      actor: 'coordinator',
      code: 'INTERNAL',
    });
  });

  it('of the driver that would come again ends the run', async () => {
    behaviours['gamma']!.fit = 'silent';
    const id = await begin('driver');
    await sumOf(id, 'collecting');
    const handler = new RunAdvanceHandler(
      federation.coordinator.foundations.database,
      undefined as never,
      federation.coordinator.app.get(RunTransitions),
    );
    await handler.gaveUp({ runId: id }, new Error('the database is away'));
    expect((await federation.coordinator.client.run(id)).state).toBe('running');
    await handler.gaveUp({ runId: id }, new StrategyError('STRATEGY_TOO_FEW_SITES', 'x'));
    await leftTrace(await ended(federation.coordinator, id), 'RUN_NOT_ENOUGH_SITES');
  });

  it('of a release counter that was put to its end is the run’s, with its code', async () => {
    await ended(federation.coordinator, await begin('counted'));
    await federation.coordinator.query("UPDATE model_aliases SET release_counter = $1 WHERE model = 'counted'", [
      MOST_RELEASES,
    ]);
    expect(await ended(federation.coordinator, await begin('counted'))).toMatchObject({
      state: 'failed',
      failure: { code: 'RELEASE_COUNTER_JUMPED', detail: 'counted' },
    });
  });

  it('by an operator’s hand ends every part, under the operator’s name', async () => {
    behaviours['gamma']!.fit = 'silent';
    const id = await begin('cancelled');
    const sumId = await sumOf(id, 'collecting');
    await leftTrace(await federation.coordinator.client.cancelRun(id), 'RUN_CANCELLED');
    expect((await audited(sumId)).at(-1)).toMatchObject({
      action: 'sum.failed',
      actor: 'operator',
      code: 'RUN_CANCELLED',
    });
    // Jobs that the queue had already.
    await new SumShardHandler(sumJobs()).handle({ sumId, from: 0, to: 1 });
    await new SumRootHandler(sumJobs(), federation.coordinator.app.get(AggregationService)).handle({ sumId });
    expect(await federation.coordinator.query('SELECT 1 FROM sum_blocks WHERE sum_id = $1', [sumId])).toEqual([]);
  });

  it('in the ceremony ends the epoch with its run', async () => {
    behaviours['gamma']!.ceremony = 'silent';
    const id = await begin('ceremony');
    const keyEpochId = await until(
      'the epoch',
      async () => (await federation.coordinator.client.run(id)).rounds[0]?.keyEpochId,
    );
    await federation.coordinator.client.cancelRun(id);
    expect((await audited(keyEpochId)).at(-1)).toMatchObject({
      action: 'epoch.failed',
      actor: 'operator',
      code: 'RUN_CANCELLED',
    });
  });

  it('that comes after the end changes nothing: neither a late job nor a late refusal', async () => {
    const id = await begin('late');
    const done = await ended(federation.coordinator, id);
    expect(done).toMatchObject({ state: 'done', rounds: [{ state: 'done', exclusions: [] }] });
    const sums = await federation.coordinator.query<{ id: string }>('SELECT id FROM sums WHERE round_id = $1', [
      done.rounds[0]!.id,
    ]);
    for (const sum of sums) {
      await combine().gaveUp({ sumId: sum.id }, new Error('late'));
      for (const site of federation.sites)
        await site.link.ask('POST', '/v1/site/refusals', {
          json: { subject: 'sum', id: sum.id, code: 'SITE_DATA_INVALID' },
        });
    }
    await federation.coordinator.foundations.database.transaction((tx) =>
      federation.coordinator.app
        .get(RunTransitions)
        .transition(tx, id, 'failed', { actor: 'late', failure: { code: 'INTERNAL', detail: null } }),
    );
    expect(await federation.coordinator.client.run(id)).toEqual(done);
    expect(
      await federation.coordinator.query('SELECT DISTINCT state FROM sums WHERE round_id = $1', [done.rounds[0]!.id]),
    ).toEqual([{ state: 'done' }]);
  });
});
