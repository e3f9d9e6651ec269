import { withDatabase } from '@koinon/testing';
import { expect, it } from 'vitest';
import { dataSource } from './data-source.js';
import { CONNECTION } from '../platform/database/connection.js';

const database = withDatabase();

it('the database ends a transaction that a connection of the pool leaves open; a server that vanished is noticed in time', async () => {
  const source = await dataSource(database.url).initialize();
  try {
    expect(await source.query('SHOW idle_in_transaction_session_timeout')).toEqual([
      { idle_in_transaction_session_timeout: '1min' },
    ]);
    expect(source.options).toMatchObject({ extra: CONNECTION });
    // Without a delay of its own the operating system's counts, which is two hours.
    expect(CONNECTION).toMatchObject({ keepAlive: true, keepAliveInitialDelayMillis: 10_000 });
  } finally {
    await source.destroy();
  }
});
