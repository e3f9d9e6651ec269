import type { Assignment, Federation, ServedModel, SiteView } from '@koinon/contracts';
import { withDatabase, until } from '@koinon/testing';
import { describe, expect, it, vi } from 'vitest';
import { dataSource } from '../database/data-source.js';
import { OneWriter20261128030000 } from '../database/migrations/20261128-one-writer.js';
import { SiteStatus20261127010000 } from '../database/migrations/20261127-site-status.js';
import { EdgeNode, heartModel, heartSchema, heartSpec } from '../testing/edge-node.fixture.js';
import { ended, startRun, withFederation } from '../testing/federation.fixture.js';
import { RecordlessSite } from '../testing/recordless-site.fixture.js';
import { tinySpec } from '../testing/tiny-federation.fixture.js';

describe('what is released', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url }), { alpha: {}, beta: {}, gamma: {} });
  const releasesOf = async (site: string): Promise<Assignment[]> =>
    (await federation.site(site).assignments()).filter((a) => a.kind === 'release');
  const promoted = async (name: string, alias: string): Promise<void> => {
    const spec: Federation = { ...tinySpec({ name }), promotion: { alias, gate: {} } };
    const { id } = await startRun(federation.coordinator, spec);
    for (const site of federation.sites) site.work();
    expect(await ended(federation.coordinator, id)).toMatchObject({ state: 'done' });
  };
  const servedAs = (name: string, alias: string) =>
    until(`every site to serve the ${alias} of ${name}`, async () => {
      const { versions } = await federation.coordinator.client.model(name);
      return versions[0]!.aliases.includes(alias) && versions[0]!.servedBy.length === 3;
    });

  it('reaches the sites under whatever alias the federation names, and the last one released wins', async () => {
    await promoted('tiny', 'production');
    await servedAs('tiny', 'production');
    await promoted('tiny', 'champion');
    await servedAs('tiny', 'champion');
    await promoted('tiny', 'production');
    await servedAs('tiny', 'production');
  });

  it('of two models is settled when a site serves both', async () => {
    await promoted('other', 'production');
    await servedAs('other', 'production');
    for (const site of federation.sites) expect(await releasesOf(site.id)).toEqual([]);
    const [alpha] = await federation.coordinator.client.sites();
    expect(alpha!.status!.serving.map(({ model }) => model).toSorted()).toEqual(['other', 'tiny']);
  });

  const report = (status: object) => federation.site('alpha').link.ask('POST', '/v1/site/status', { json: status });
  it('comes again to a site that has no signed release of it, and not to one that does not serve the model', async () => {
    const serving = federation.site('alpha').serving;
    const tiny = serving.get('tiny')!;
    await report({
      serving: [{ ...tiny, releaseCounter: null }],
      notServing: [{ model: 'other', code: 'MODEL_NOT_CONFIGURED' }],
    });
    expect(await releasesOf('alpha')).toMatchObject([{ model: 'tiny', alias: 'production' }]);
    await report({ serving: [tiny], notServing: [{ model: 'other', code: 'RELEASE_EXPIRED' }] });
    expect(await releasesOf('alpha')).toMatchObject([{ model: 'other' }]);
  });
});

describe('a hospital’s own program', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url }), {});

  it('serves what its federation promotes under an alias of its own', async () => {
    const { coordinator } = federation;
    await using one = await EdgeNode.start(coordinator, 'cleveland', 'off');
    await using two = await EdgeNode.start(coordinator, 'hungarian', 'off');
    const spec = heartSpec({ name: 'heart-disease', promotion: { alias: 'production', gate: {} } });
    const { id } = await startRun(coordinator, spec, heartModel(), { schema: heartSchema() });
    expect(await ended(coordinator, id)).toMatchObject({ state: 'done' });
    const [version] = await until('both to serve', async () => {
      const { versions } = await coordinator.client.model('heart-disease');
      return versions[0]!.servedBy.length === 2 && versions;
    });
    expect(version).toMatchObject({ aliases: ['production'], servedBy: [one.site, two.site] });
    const [cleveland] = await coordinator.client.sites();
    expect(cleveland!.status).toMatchObject({
      serving: [{ model: 'heart-disease', releaseCounter: 1, expired: false }],
      notServing: [],
      clockAheadMs: expect.any(Number),
    });
  });
});

describe('what a site tells of itself', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url, worker: false }), { alpha: {} });
  const report = (status: object) => federation.site('alpha').link.ask('POST', '/v1/site/status', { json: status });
  const shown = async (): Promise<SiteView> => (await federation.coordinator.client.sites())[0]!;
  const served: ServedModel = { model: 'tiny', version: 2, sha256: 'ab'.repeat(32), releaseCounter: 1, expired: true };

  it('is shown: what it serves and what is expired, what it does not serve and why, and its clock', async () => {
    const status = {
      serving: [served],
      notServing: [{ model: 'other', code: 'RELEASE_EXPIRED' }],
      clockAheadMs: 180_000,
    };
    await report(status);
    expect((await shown()).status).toMatchObject(status);
  });

  it('may be the one model that nodes of before said', async () => {
    await report({ serving: { model: 'tiny', version: 2, sha256: 'ab'.repeat(32) } });
    expect((await shown()).status!.serving).toEqual([{ ...served, releaseCounter: null, expired: false }]);
    await report({});
    expect((await shown()).status!.serving).toEqual([]);
  });

  it('is seen at a time of the database’s clock, whatever that of this host says', async () => {
    const { coordinator } = federation;
    const expectSeenNow = async () => {
      const seen =
        "SELECT 1 FROM sites WHERE id = 'beta' AND last_seen_at BETWEEN clock_timestamp() - interval '10 minutes' AND clock_timestamp()";
      expect(await coordinator.query(seen)).toHaveLength(1);
      await coordinator.query("UPDATE sites SET last_seen_at = last_seen_at - interval '1 day' WHERE id = 'beta'");
    };
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    try {
      await using late = await RecordlessSite.enrol(coordinator, 'beta');
      await expectSeenNow();
      await late.assignments();
      await expectSeenNow();
      await late.link.ask('POST', '/v1/site/status', { json: {} });
      await expectSeenNow();
    } finally {
      vi.useRealTimers();
    }
  });

  it('is held against what it told before: spent ε that is gone is audited once, and flagged until it is back', async () => {
    for (const epsilonSpent of [0.4, 1.2, 1.1999]) await report({ epsilonSpent });
    expect((await shown()).epsilonForgotten).toBeNull();
    for (const epsilonSpent of [0, 0, 0.4]) await report({ epsilonSpent });
    expect((await shown()).epsilonForgotten).toBe(1.2);
    const audited = "SELECT detail FROM audit_log WHERE action = 'site.epsilon-lowered' AND subject = 'alpha'";
    expect(await federation.coordinator.query(audited)).toEqual([{ detail: { from: 1.2, to: 0 } }]);
    await report({ epsilonSpent: 1.2 });
    expect((await shown()).epsilonForgotten).toBeNull();
  });
});

describe('a status of before', () => {
  const database = withDatabase();

  it('reads like one of today after the migration, and goes back', async () => {
    const source = dataSource(database.url);
    await source.initialize();
    const [runner, migration] = [source.createQueryRunner(), new SiteStatus20261127010000()];
    const before = { serving: { model: 'tiny', version: 2, sha256: 'ab'.repeat(32) }, requests: 3, epsilonSpent: 1.2 };
    const rows = () =>
      source.query<Record<string, unknown>[]>('SELECT id, status, epsilon_highest FROM sites ORDER BY id');
    try {
      await source.runMigrations();
      const from = source.migrations.findIndex(({ name }) => name === 'OneWriter20261128030000');
      for (const _ of source.migrations.slice(from)) await source.undoLastMigration();
      await migration.down(runner);
      await source.query(
        "INSERT INTO sites (id, name, state, status) VALUES ('a', 'A', 'enrolled', $1), ('b', 'B', 'enrolled', '{\"requests\": 0}'), ('c', 'C', 'invited', null)",
        [before],
      );
      await migration.up(runner);
      expect(await rows()).toEqual([
        {
          id: 'a',
          status: { ...before, serving: [{ ...before.serving, releaseCounter: null, expired: false }], notServing: [] },
          epsilon_highest: 1.2,
        },
        { id: 'b', status: { requests: 0, serving: [], notServing: [] }, epsilon_highest: null },
        { id: 'c', status: null, epsilon_highest: null },
      ]);
      const [later, before2] = [new OneWriter20261128030000(), await rows()];
      await later.up(runner);
      expect(await source.query('SELECT site, epsilon_highest FROM site_status ORDER BY site')).toEqual([
        { site: 'a', epsilon_highest: 1.2 },
        { site: 'b', epsilon_highest: 0 },
      ]);
      await later.down(runner);
      expect((await rows()).map(({ id, status }) => [id, status])).toEqual(
        before2.map(({ id, status }) => [id, status]),
      );
      await migration.down(runner);
      expect(await source.query('SELECT status FROM sites ORDER BY id')).toEqual([
        { status: before },
        { status: { requests: 0 } },
        { status: null },
      ]);
    } finally {
      await runner.release();
      await source.destroy();
    }
  });
});
