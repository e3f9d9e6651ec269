import { metricsSchema, storedFederationSchema } from '@koinon/contracts';
import { withDatabase } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { AuditService } from '../platform/audit/audit.service.js';
import { connectDatabase, dataSource } from './data-source.js';
import { undone } from '../testing/undone.fixture.js';
import { RoundRow } from '../federations/federations.entities.js';

describe('the migrations', () => {
  const database = withDatabase();

  it('give exactly the schema of the entities', async () => {
    const source = await connectDatabase(database.url, 10_000);
    try {
      const drift = await source.driver.createSchemaBuilder().log();
      expect(drift.upQueries.map((q) => q.query)).toEqual([]);
    } finally {
      await source.destroy();
    }
  });

  it('would show a column that the entities do not know', async () => {
    const source = await connectDatabase(database.url, 10_000);
    try {
      await source.query('ALTER TABLE sites ADD COLUMN surplus text');
      expect((await source.driver.createSchemaBuilder().log()).upQueries).not.toEqual([]);
      await source.query('ALTER TABLE sites DROP COLUMN surplus');
    } finally {
      await source.destroy();
    }
  });

  it('run once when two processes start together', async () => {
    const [first, second] = await Promise.all([
      connectDatabase(database.url, 10_000),
      connectDatabase(database.url, 10_000),
    ]);
    const rows = await first.query<{ name: string }[]>('SELECT name FROM migrations');
    expect(rows).toHaveLength(first.migrations.length);
    await Promise.all([first.destroy(), second.destroy()]);
  });

  it('go down to nothing and up again', async () => {
    const source = dataSource(database.url);
    await source.initialize();
    const tables = async () =>
      (
        await source.query<{ tablename: string }[]>(
          "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations'",
        )
      )
        .map((t) => t.tablename)
        .toSorted();
    try {
      const before = await tables();
      expect(before).toContain('audit_log');
      for (const _ of source.migrations) await source.undoLastMigration();
      expect(await tables()).toEqual([]);
      await source.runMigrations();
      expect(await tables()).toEqual(before);
    } finally {
      await source.destroy();
    }
  });

  it('carry a stored run over to the present words of its file, and back', async () => {
    const source = await connectDatabase(database.url, 10_000);
    const former = {
      name: 'f',
      model: { file: 'm', logits: 'logits', trainable: ['w'], loss: 'bce' },
      features: 'features.schema.json',
      sites: { min: 5, threshold: 2, roundTimeoutMs: 1, fraction: 1, maxRows: 2e6 },
      strategy: { name: 'fedavg', params: {} },
      rounds: 5,
      local: { steps: 5, samplingRate: 0.3, learningRate: 0.2, optimizer: 'sgd' },
      privacy: { unit: 'record', epsilon: null, delta: 1e-3, clippingNorm: 1, accountant: 'pld', rowCountNoise: 0 },
      encryption: { scheme: 'ckks-threshold', bits: 16, range: 1 },
      promotion: { alias: 'champion', gate: {} },
    };
    const metrics = { accuracy: 0.8, auc: 0.9, f1: 0.7, rows: 254 };
    const id = '00000000-0000-4000-8000-0000000000aa';
    const stored = async () =>
      (
        await source.query<
          { spec: unknown; round: unknown; version: unknown }[]
        >(`SELECT runs.spec, rounds.metrics AS round, v.metrics AS version
      FROM runs JOIN rounds ON rounds.run_id = runs.id JOIN model_versions v ON v.run_id = runs.id WHERE runs.id = '${id}'`)
      )[0]!;
    try {
      const from = source.migrations.findIndex((m) => m.name === 'PresentWords20261128050000');
      for (const _ of source.migrations.slice(from)) await source.undoLastMigration();
      await source.query(
        `INSERT INTO runs (id, federation, spec, model_sha256, feature_schema_sha256, parameters, noise_multiplier, state, started_at, epsilon_after)
        VALUES ($1, 'f', $2, '', '', 1, 0, 'done', now(), '{}')`,
        [id, former],
      );
      await source.query(
        `INSERT INTO rounds (id, run_id, number, state, cohort, exclusions, base_version, timeline, started_at, fit, metrics)
        VALUES ($1, $1, 1, 'done', '{}', '[]', 1, '[]', now(), '{}', $2)`,
        [id, metrics],
      );
      await source.query(
        `INSERT INTO model_versions (model, version, sha256, bytes, run_id, lineage, statement, metrics, created_at) VALUES ('f', 1, '', 1, $1, '{}', '{}', $2, now())`,
        [id, metrics],
      );
      await source.runMigrations();
      const { spec, round, version } = await stored();
      expect(storedFederationSchema.parse(spec)).toEqual(spec);
      expect(spec).toMatchObject({
        task: 'binary',
        records: 'features.schema.json',
        model: { output: 'logits' },
        sites: { maxRecords: 2e6, min: 5 },
        privacy: { recordCountNoise: 0, delta: 1e-3 },
      });
      expect([round, version].map((m) => metricsSchema.parse(m))).toEqual(
        Array.from({ length: 2 }, () => ({ accuracy: 0.8, auc: 0.9, f1: 0.7, records: 254 })),
      );
      for (const _ of source.migrations.slice(from)) await source.undoLastMigration();
      expect(await stored()).toEqual({ spec: former, round: metrics, version: metrics });
      await source.runMigrations();
    } finally {
      await source.query('DELETE FROM model_versions; DELETE FROM rounds; DELETE FROM runs');
      await source.destroy();
    }
  });

  it('end a run that a version before digests had begun, with all its parts, and leave the others', async () => {
    const source = await connectDatabase(database.url, 10_000);
    const old = [
      ['done', 'done', 'ready', 'done'],
      ['running', 'decrypting', 'ready', 'decrypting'],
      ['running', 'planned', 'running', null],
    ];
    const rows = (table: string) => source.query<object[]>(`SELECT state, failure FROM ${table} ORDER BY id`);
    try {
      const before = source.migrations.findIndex((m) => m.name === 'BlobDigests20261127080000');
      for (const _ of source.migrations.slice(before)) await source.undoLastMigration();
      for (const [n, [run, round, epoch, sum]] of old.entries()) {
        const id = `'00000000-0000-4000-8000-00000000000${n}'`;
        await source.query(`
          INSERT INTO runs (id, federation, spec, model_sha256, feature_schema_sha256, parameters, noise_multiplier, state, started_at)
            VALUES (${id}, 'f${n}', '{}', '', '', 1, 0, '${run}', now());
          INSERT INTO rounds (id, run_id, number, state, cohort, exclusions, base_version, timeline, started_at)
            VALUES (${id}, ${id}, 1, '${round}', '{}', '[]', 1, '[{"state": "planned", "at": "2026-01-01T00:00:00.000Z"}]', now());
          INSERT INTO epochs (id, round_id, header, header_sha256, roster, state, step_index, step_deadline_at) VALUES (${id}, ${id}, '{}', '', '[]', '${epoch}', 0, now());`);
        if (sum) {
          await source.query(`
            INSERT INTO sums (id, round_id, epoch_id, purpose, sum_index, state, cohort, length, blocks, model_sha256, deadline_at)
              VALUES (${id}, ${id}, ${id}, 'update', 0, '${sum}', '{}', 1, 1, '', now())`);
        }
      }
      await source.runMigrations();
      const failure = { code: 'RUN_ENDED_BY_UPDATE', detail: null };
      const [done, failed] = [
        { state: 'done', failure: null },
        { state: 'failed', failure },
      ];
      expect(await rows('runs')).toEqual([done, failed, failed]);
      expect(await rows('rounds')).toEqual([done, failed, failed]);
      const over = { state: 'over', failure: null };
      expect(await rows('key_epochs')).toEqual([over, over, { state: 'failed', failure: { ...failure, sites: [] } }]);
      expect(await rows('sums')).toEqual([done, failed]);
      const ends = await source.getRepository(RoundRow).find({ order: { id: 'ASC' } });
      expect(ends.map((r) => [r.timeline.map((t) => t.state), r.timeline[1]?.at])).toEqual(
        ends.map(({ state, finishedAt }) =>
          state === 'done' ? [['planned'], undefined] : [['planned', 'failed'], finishedAt!.toISOString()],
        ),
      );
      const audit = new AuditService(source);
      expect((await audit.entries(0, 10)).map(({ action, detail }) => [action, detail])).toEqual(
        Array.from({ length: 2 }, () => ['run.failed', { code: failure.code }]),
      );
      expect(await audit.verify()).toMatchObject({ entries: 2, intact: true });
    } finally {
      await source.destroy();
    }
  });
});

describe('the names of key epochs', () => {
  const database = withDatabase();

  it('reach rows that were written under the old ones, and go back', async () => {
    const source = await connectDatabase(database.url, 10_000);
    const id = '00000000-0000-4000-8000-000000000001';
    const timeline = (state: string) => [
      { state: 'collecting', at: '2026-01-01T00:00:00.000Z' },
      { state, at: '2026-01-01T00:00:01.000Z' },
    ];
    const read = () => source.query<object[]>('SELECT state, timeline FROM sums');
    try {
      await undone(source, 'KeyEpochNames20261128040000');
      await source.query(`
        INSERT INTO runs (id, federation, spec, model_sha256, feature_schema_sha256, parameters, noise_multiplier, epsilon_after, state, started_at)
          VALUES ('${id}', 'f', '{}', '', '', 1, 0, '{}', 'running', now());
        INSERT INTO rounds (id, run_id, number, state, cohort, exclusions, fit, base_version, timeline, started_at, epoch_id)
          VALUES ('${id}', '${id}', 1, 'collecting', '{}', '[]', '{}', 1, '[]', now(), '${id}');
        INSERT INTO epochs (id, round_id, header, header_sha256, roster, state, step_index, step_deadline_at)
          VALUES ('${id}', '${id}', '{"epochId": "${id}", "sums": 2}', '', '[]', 'ready', 0, now());
        INSERT INTO sums (id, round_id, epoch_id, purpose, sum_index, state, cohort, length, blocks, model_sha256, deadline_at, active_set, timeline)
          VALUES ('${id}', '${id}', '${id}', 'update', 0, 'closing', '{}', 1, 1, '', now(), '{a,b}', '${JSON.stringify(timeline('closing'))}')`);
      const before = await read();
      await source.runMigrations();
      expect(await source.query('SELECT key_epoch_id, decryptors FROM sums')).toEqual([
        { key_epoch_id: id, decryptors: ['a', 'b'] },
      ]);
      expect(await read()).toEqual([{ state: 'freezing', timeline: timeline('freezing') }]);
      expect(await source.query('SELECT header FROM key_epochs')).toEqual([{ header: { keyEpochId: id, sums: 2 } }]);
      await source.undoLastMigration();
      expect(await read()).toEqual(before);
      expect(await source.query('SELECT header FROM epochs')).toEqual([{ header: { epochId: id, sums: 2 } }]);
    } finally {
      await source.destroy();
    }
  });
});

describe('connectDatabase', () => {
  it('gives up with a code and without the address', async () => {
    const failure = await connectDatabase('postgres://koinon:hunter2@127.0.0.1:1/koinon', 0).then(
      () => expect.unreachable(),
      (error: Error) => error,
    );
    expect(failure).toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    expect(failure.message).not.toMatch(/hunter2|127\.0\.0\.1/);
  });
});
