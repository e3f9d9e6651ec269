import type { RunView } from '@koinon/contracts';
import { withDatabase, until } from '@koinon/testing';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ended, startRun, withFederation } from '../../testing/federation.fixture.js';
import type { Behaviour } from '../../testing/recordless-site.fixture.js';
import { tinySpec } from '../../testing/tiny-federation.fixture.js';

describe('a site that does not do its part', () => {
  const database = withDatabase();
  const behaviours: Record<string, Behaviour> = { alpha: {}, beta: {}, delta: {}, gamma: {} };
  const federation = withFederation(() => ({ databaseUrl: database.url }), behaviours);

  beforeAll(() => {
    for (const site of federation.sites) site.work();
  });
  afterEach(() => {
    for (const behaviour of Object.values(behaviours))
      for (const kind of Object.keys(behaviour)) delete behaviour[kind as keyof Behaviour];
  });

  const begin = async (spec: Parameters<typeof tinySpec>[0]): Promise<string> =>
    (await startRun(federation.coordinator, tinySpec(spec))).id;
  const finish = async (id: string): Promise<RunView> => ended(federation.coordinator, id);
  const nothingReleased = async (model: string) => {
    expect(await federation.coordinator.query('SELECT 1 FROM model_aliases WHERE model = $1', [model])).toEqual([]);
    expect((await federation.coordinator.client.model(model)).versions.map((v) => v.round)).toEqual([0]);
  };

  /** Lets the deadline of the running ceremony pass as soon as `posted` sites have answered its first step. */
  const expireCeremony = (posted: number) =>
    until('the others to post', async () => {
      const changed = await federation.coordinator.change(
        `UPDATE key_epochs SET step_deadline_at = now() WHERE state = 'running' AND step_index = 0 AND step_deadline_at > now()
       AND (SELECT count(*) FROM key_epoch_messages WHERE key_epoch_id = id) = $1`,
        [posted],
      );
      return changed > 0;
    });

  it('is left out of the ceremony after its deadline, and the others go on', async () => {
    behaviours['delta']!.ceremony = 'silent';
    const id = await begin({ name: 'missing' });
    await expireCeremony(3);
    const run = await finish(id);
    expect(run).toMatchObject({ state: 'done', failure: null });
    expect(run.rounds[0]).toMatchObject({
      cohort: ['alpha', 'beta', 'gamma'],
      participants: ['alpha', 'beta', 'gamma'],
      exclusions: [{ site: 'delta', code: 'EPOCH_SITE_MISSING' }],
    });
    const audited =
      "SELECT detail -> 'excluded' AS excluded FROM audit_log WHERE action = 'round.excluded' AND subject = $1";
    expect(await federation.coordinator.query(audited, [run.rounds[0]!.id])).toEqual([
      { excluded: [{ site: 'delta', code: 'EPOCH_SITE_MISSING' }] },
    ]);
    const rosters =
      "SELECT detail -> 'roster' AS roster FROM audit_log WHERE action = 'epoch.created' AND detail ->> 'round' = $1 ORDER BY seq";
    expect(await federation.coordinator.query(rosters, [run.rounds[0]!.id])).toEqual([
      { roster: ['alpha', 'beta', 'delta', 'gamma'] },
      { roster: ['alpha', 'beta', 'gamma'] },
    ]);
    const { lineage } = await federation.coordinator.client.version('missing', run.rounds[0]!.version!);
    expect(lineage.exclusions).toEqual([{ site: 'delta', code: 'EPOCH_SITE_MISSING' }]);
    // The majority of the three that are left, as their epoch's header says.
    expect(lineage.encryption?.threshold).toBe(2);
    expect(lineage.encryption?.decryptors).toHaveLength(2);
    expect(lineage.cohort.map((c) => c.site)).toEqual(['alpha', 'beta', 'gamma']);
  });

  it('is no reason to let half of the sites open a sum: such a run does not start', async () => {
    await expect(begin({ name: 'halves', threshold: 2 })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      detail: expect.stringMatching(/majority or 3$/) as string,
    });
  });

  it('ends the run with EPOCH_SITE_MISSING when too few are left', async () => {
    behaviours['delta']!.ceremony = 'silent';
    behaviours['gamma']!.ceremony = 'silent';
    const id = await begin({ name: 'too-few' });
    await expireCeremony(2);
    expect(await finish(id)).toMatchObject({
      state: 'failed',
      failure: { code: 'EPOCH_SITE_MISSING', detail: 'delta, gamma' },
      rounds: [{ state: 'failed' }],
    });
    await nothingReleased('too-few');
  });

  it('is left out when it refuses the ceremony', async () => {
    behaviours['beta']!.ceremony = 'ROSTER_CHANGED';
    const run = await finish(await begin({ name: 'refusing' }));
    expect(run).toMatchObject({ state: 'done', rounds: [{ participants: ['alpha', 'delta', 'gamma'] }] });
    expect(run.rounds[0]!.exclusions).toEqual([{ site: 'beta', code: 'ROSTER_CHANGED' }]);
  });

  it('is not left out by its late word about a ceremony that was begun again with it', async () => {
    behaviours['delta']!.ceremony = 'silent';
    for (const behaviour of Object.values(behaviours)) behaviour.fit = 'silent';
    const id = await begin({ name: 'late-refusal' });
    const epoch = () =>
      until('a ceremony', async () => (await federation.coordinator.client.run(id)).rounds[0]?.keyEpochId);
    const first = await epoch();
    await expireCeremony(3);
    await until('another ceremony', async () => (await epoch()) !== first);
    const { link } = federation.site('alpha');
    await link.ask('POST', '/v1/site/refusals', { json: { subject: 'key-epoch', id: first, code: 'ROSTER_CHANGED' } });
    for (const behaviour of Object.values(behaviours)) delete behaviour.fit;
    expect(await finish(id)).toMatchObject({
      state: 'done',
      rounds: [
        { participants: ['alpha', 'beta', 'gamma'], exclusions: [{ site: 'delta', code: 'EPOCH_SITE_MISSING' }] },
      ],
    });
  });

  it('is recorded when its budget is spent, and the quorum trains without it', async () => {
    behaviours['delta']!.fit = 'BUDGET_EXHAUSTED';
    const run = await finish(await begin({ name: 'budget' }));
    expect(run).toMatchObject({
      state: 'done',
      rounds: [
        {
          cohort: ['alpha', 'beta', 'delta', 'gamma'],
          participants: ['alpha', 'beta', 'gamma'],
          exclusions: [{ site: 'delta', code: 'BUDGET_EXHAUSTED' }],
        },
      ],
    });
    const { lineage } = await federation.coordinator.client.version('budget', 2);
    expect(lineage.exclusions).toEqual([{ site: 'delta', code: 'BUDGET_EXHAUSTED' }]);
    expect(lineage.encryption).toMatchObject({ threshold: 3, decryptors: ['alpha', 'beta', 'gamma'] });
  });

  it('is replaced by one that was not drawn when it is away', async () => {
    for (const behaviour of Object.values(behaviours)) behaviour.ceremony = 'silent';
    const spec = tinySpec({ name: 'fraction' });
    const { id } = await startRun(federation.coordinator, { ...spec, sites: { ...spec.sites, fraction: 0.75 } });
    const drawn = await until('the ceremony', async () => {
      const [round] = (await federation.coordinator.client.run(id)).rounds;
      return round?.keyEpochId && round.cohort;
    });
    expect(drawn).toHaveLength(3);
    const [away, ...others] = drawn;
    for (const [site, behaviour] of Object.entries(behaviours)) if (site !== away) delete behaviour.ceremony;
    await expireCeremony(others.length);
    expect(await finish(id)).toMatchObject({
      state: 'done',
      rounds: [
        {
          participants: Object.keys(behaviours).filter((s) => s !== away),
          exclusions: [{ site: away, code: 'EPOCH_SITE_MISSING' }],
        },
      ],
    });
  });

  it('is named with its reason, in the round and in the lineage, when it trains past the deadline', async () => {
    behaviours['delta']!.fit = 'silent';
    const id = await begin({ name: 'late' });
    await until(
      'three uploads',
      async () =>
        (await federation.coordinator.change(
          `UPDATE sums SET deadline_at = now() WHERE state = 'collecting' AND deadline_at > now() AND (SELECT count(*) FROM uploads WHERE sum_id = id) = 3`,
        )) > 0,
    );
    const late = [{ site: 'delta', code: 'ROUND_DEADLINE_PASSED' }];
    expect(await finish(id)).toMatchObject({
      state: 'done',
      rounds: [{ participants: ['alpha', 'beta', 'gamma'], exclusions: late }],
    });
    expect((await federation.coordinator.client.version('late', 2)).lineage.exclusions).toEqual(late);
  });

  it('ends the run when its spent budget leaves no quorum', async () => {
    behaviours['delta']!.fit = 'BUDGET_EXHAUSTED';
    const run = await finish(await begin({ name: 'no-quorum', min: 4 }));
    expect(run).toMatchObject({
      state: 'failed',
      failure: { code: 'ROUND_QUORUM_MISSED', detail: 'delta' },
      rounds: [{ state: 'failed', exclusions: [{ site: 'delta', code: 'BUDGET_EXHAUSTED' }] }],
    });
    await nothingReleased('no-quorum');
  });

  it('keeps a sum closed by refusing its share', async () => {
    behaviours['beta']!.decrypt = 'SHARE_REFUSED';
    const run = await finish(await begin({ name: 'no-share', min: 4, threshold: 4 }));
    expect(run).toMatchObject({
      state: 'failed',
      failure: { code: 'SHARE_REFUSED', detail: 'beta' },
      rounds: [{ state: 'failed', version: null }],
    });
    await nothingReleased('no-share');
    await neverOpened(run);
  });

  it('keeps a sum closed by staying silent until the deadline', async () => {
    behaviours['gamma']!.decrypt = 'silent';
    const id = await begin({ name: 'silent-share', min: 4, threshold: 4 });
    await until('three shares', async () => {
      const changed = await federation.coordinator.change(
        `UPDATE sums SET deadline_at = now() WHERE state = 'decrypting' AND deadline_at > now() AND round_id IN (SELECT id FROM rounds WHERE run_id = $1)
         AND (SELECT count(*) FROM decryption_shares WHERE sum_id = id) = 3`,
        [id],
      );
      return changed > 0;
    });
    const run = await finish(id);
    expect(run).toMatchObject({ state: 'failed', failure: { code: 'SHARES_MISSING', detail: 'gamma' } });
    await nothingReleased('silent-share');
    await neverOpened(run);
  });

  const neverOpened = async (run: RunView) => {
    expect(
      await federation.coordinator.query('SELECT 1 FROM sums WHERE combined AND round_id = $1', [run.rounds[0]!.id]),
    ).toEqual([]);
  };
});
