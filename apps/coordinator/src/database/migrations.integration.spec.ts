import { withDatabase } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { connectDatabase, dataSource } from './data-source.js';

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
    const [first, second] = await Promise.all([connectDatabase(database.url, 10_000), connectDatabase(database.url, 10_000)]);
    const rows = await first.query<{ name: string }[]>('SELECT name FROM migrations');
    expect(rows).toHaveLength(first.migrations.length);
    await Promise.all([first.destroy(), second.destroy()]);
  });

  it('go down to nothing and up again', async () => {
    const source = dataSource(database.url);
    await source.initialize();
    const tables = async () => (await source.query<{ tablename: string }[]>("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations'")).map((t) => t.tablename).toSorted();
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
});

describe('connectDatabase', () => {
  it('gives up with a code and without the address', async () => {
    const failure = await connectDatabase('postgres://koinon:hunter2@127.0.0.1:1/koinon', 0).then(() => expect.unreachable(), (error: Error) => error);
    expect(failure).toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    expect(failure.message).not.toMatch(/hunter2|127\.0\.0\.1/);
  });
});
