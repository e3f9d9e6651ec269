import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, inject } from 'vitest';
import './shared-postgres.setup.js';
import { startTestPostgres, type TestPostgres } from './test-postgres.js';

export interface DatabaseFixture {
  /** Connection string of an empty database. Readable from `beforeAll` on. */
  readonly url: string;
}

/**
 * An empty PostgreSQL database for the tests of a `describe` block (or of a file). The integration tier
 * shares one server; elsewhere the block gets its own. Call it while tests are collected:
 *
 * ```ts
 * const database = withDatabase();
 * it('stores', async () => { await connect(database.url); });
 * ```
 */
export function withDatabase(): DatabaseFixture {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  let serverUrl: string | undefined;
  let own: TestPostgres | undefined;

  beforeAll(async () => {
    // Typed as always there, but only the integration tier provides it.
    const shared = inject('postgresUrl') as string | undefined;
    if (shared === undefined) own = await startTestPostgres();
    serverUrl = shared ?? own?.url;
    await administer(serverUrl, `CREATE DATABASE ${name}`);
  });
  afterAll(async () => {
    // FORCE: a test that failed may have left its connections open.
    if (serverUrl !== undefined) await administer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await own?.[Symbol.asyncDispose]();
  });

  return {
    get url(): string {
      if (serverUrl === undefined) throw new Error('the database exists only while the tests of its block run');
      return new URL(`/${name}`, serverUrl).href;
    },
  };
}

async function administer(url: string | undefined, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
