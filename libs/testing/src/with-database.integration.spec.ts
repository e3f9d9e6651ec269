import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withDatabase } from './with-database.js';

describe('withDatabase', () => {
  const first = withDatabase();
  const second = withDatabase();
  const clients: Client[] = [];

  const connect = async (url: string): Promise<Client> => {
    const client = new Client({ connectionString: url });
    await client.connect();
    clients.push(client);
    return client;
  };

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.end()));
  });

  it('gives each fixture an empty database of its own on one server', async () => {
    const a = await connect(first.url);
    const b = await connect(second.url);
    await a.query('CREATE TABLE patient (id int)');
    const found = await b.query("SELECT FROM pg_tables WHERE tablename = 'patient'");
    expect(found.rowCount).toBe(0);
    expect(new URL(first.url).port).toBe(new URL(second.url).port);
  });
});

describe('withDatabase after its block', () => {
  let name = '';
  describe('block', () => {
    const inner = withDatabase();
    beforeAll(() => {
      name = new URL(inner.url).pathname.slice(1);
    });
    it('exists', async () => {
      const client = new Client({ connectionString: inner.url });
      await client.connect();
      const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
      await client.end();
      expect(rows[0]?.name).toBe(name);
    });
  });
  describe('afterwards', () => {
    const outer = withDatabase();
    it('is dropped', async () => {
      const client = new Client({ connectionString: outer.url });
      await client.connect();
      const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
      await client.end();
      expect(rowCount).toBe(0);
    });
  });
});
