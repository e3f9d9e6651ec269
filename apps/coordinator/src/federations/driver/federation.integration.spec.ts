import { withDatabase, until } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { expectOpenedOnce, expectPlainFedAvg } from '../../testing/fed-avg-check.fixture.js';
import { ended, startRun, withFederation } from '../../testing/federation.fixture.js';
import { tinySpec } from '../../testing/tiny-federation.fixture.js';

describe('a run of two rounds with three sites', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url }), { alpha: {}, beta: {}, gamma: {} });

  it('ends with the weights of plain FedAvg, a signed lineage and a signed release', async () => {
    const { coordinator, sites } = federation;
    const { id } = await startRun(coordinator, tinySpec({ rounds: 2 }));
    for (const site of sites) site.work();
    const run = await ended(coordinator, id);
    await expectPlainFedAvg(federation, run);
    await expectOpenedOnce(federation);
    expect(run.rounds[0]!.keyEpochId).not.toBe(run.rounds[1]!.keyEpochId);
    expect(
      run.rounds.every((r) => r.exclusions.length === 0 && r.participants.length === 3 && r.metrics!.records > 180),
    ).toBe(true);
    expect(run.rounds.map((r) => r.timeline.map((t) => t.state))).toEqual(
      Array.from({ length: 2 }, () => [
        'planned',
        'collecting',
        'freezing',
        'aggregating',
        'decrypting',
        'updating',
        'evaluating',
        'done',
      ]),
    );
    expect(sites.flatMap((s) => s.failures)).toEqual([]);
  });

  it('sent each site what the two others posted in a step of the ceremony, once and as bytes', () => {
    const bodies = { commit: 48, reveal: 262_224, deal: 131_088, test: 1040, confirm: 48 };
    for (const { inboxBytes } of federation.sites) {
      expect([...inboxBytes.keys()]).toEqual(Object.keys(bodies));
      for (const [step, body] of Object.entries(bodies)) expect(inboxBytes.get(step)).toBeLessThan(2 * body + 4000);
    }
  });

  it('asks nothing more of the key epochs: their sites may wipe them', async () => {
    for (const site of federation.sites) expect((await site.assigned()).keyEpochs).toEqual([]);
  });

  it('reaches the sites as a release, and each says that it serves it', async () => {
    const { coordinator } = federation;
    const served = await until('every site to serve', async () => {
      const { versions } = await coordinator.client.model('tiny');
      return versions[0]!.servedBy.length === 3 && versions[0];
    });
    expect(served).toMatchObject({ aliases: ['champion'], servedBy: ['alpha', 'beta', 'gamma'] });
  });

  it('left an audit log that verifies', async () => {
    expect(await federation.coordinator.client.auditReport()).toMatchObject({ intact: true, firstBroken: null });
  });

  it('does not release a version that does not pass the gate, and keeps the champion', async () => {
    const { coordinator } = federation;
    const before = await coordinator.client.model('tiny');
    const { id } = await startRun(coordinator, tinySpec({ minAuc: 0.9999 }));
    const run = await ended(coordinator, id);
    const held = run.rounds[0]!;
    expect(run.state).toBe('done');
    expect((await coordinator.client.version('tiny', held.version!)).aliases).toEqual([]);
    expect((await coordinator.client.version('tiny', before.versions[0]!.version)).aliases).toEqual(['champion']);
    const [entry] = await coordinator.query<{ subject: string }>(
      "SELECT subject FROM audit_log WHERE action = 'release.held'",
    );
    expect(entry).toEqual({ subject: `tiny/${held.version}` });
  });
});

describe('a run that an operator cancels', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url }), {
    alpha: { fit: 'silent' },
    beta: { fit: 'silent' },
    gamma: { fit: 'silent' },
  });

  it('stops: nothing is asked of a site, taken from one or opened any more, and a new run may start', async () => {
    const { coordinator, sites } = federation;
    const { id } = await startRun(coordinator, tinySpec());
    await expect(startRun(coordinator, tinySpec())).rejects.toMatchObject({ code: 'RUN_ACTIVE' });
    for (const site of sites) site.work();
    const site = federation.site('alpha');
    const train = await until('the assignment to train', async () =>
      (await site.assignments()).find((a) => a.kind === 'task'),
    );
    expect((await site.assigned()).keyEpochs).toEqual([train.keyEpochId]);
    const { blocks } = await site.encrypted(train);
    const cancelled = await coordinator.client.cancelRun(id);
    expect(cancelled).toMatchObject({ state: 'cancelled', failure: { code: 'RUN_CANCELLED' } });
    expect(cancelled.rounds[0]).toMatchObject({ state: 'failed', failure: { code: 'RUN_CANCELLED' }, version: null });
    expect(cancelled.rounds[0]!.finishedAt).not.toBeNull();
    await expect(coordinator.client.cancelRun(id)).rejects.toMatchObject({ code: 'RUN_FINISHED' });
    expect(await site.assignments()).toEqual([]);
    const late = await site.link.request('PUT', `/v1/site/sums/${train.sumId}/blocks/0`, { bytes: blocks[0]! });
    expect(await late.json()).toMatchObject({ code: 'ROUND_DEADLINE_PASSED' });
    const again = await startRun(coordinator, tinySpec());
    expect(again.state).toBe('running');
    expect(await coordinator.client.cancelRun(again.id)).toMatchObject({ state: 'cancelled' });
    expect(await coordinator.query('SELECT 1 FROM model_aliases')).toEqual([]);
  });

  it('cannot be cancelled when there is none', async () => {
    await expect(federation.coordinator.client.cancelRun('6a9b1cb7-31a0-4fd2-8f0c-1a2b3c4d5e6f')).rejects.toMatchObject(
      { code: 'NOT_FOUND' },
    );
  });
});
