import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startLocalPostgres } from '@koinon/local-postgres';
import { Client } from 'pg';
import { tieToThisProcess } from './lifeline.js';
import { tempDir } from './temp-dir.js';

export interface TestPostgres extends AsyncDisposable {
  /** Of the server's own database, with the rights to create others. */
  readonly url: string;
}

/** A PostgreSQL over a folder that goes with it. It ends with this process even when that is killed. */
export async function startTestPostgres(): Promise<TestPostgres> {
  const dir = tempDir();
  const dataDir = join(dir.path, 'data');
  const server = await startLocalPostgres({ dataDir });
  const pid = Number.parseInt(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8'), 10);
  const cut = tieToThisProcess(pid, 'INT');
  await forgetPowerCuts(server.url);
  return {
    url: server.url,
    [Symbol.asyncDispose]: async () => {
      cut();
      await server.stop();
      dir[Symbol.dispose]();
    },
  };
}

/** What a test commits still survives a kill of the server; only a crash of the machine could lose it. */
async function forgetPowerCuts(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const setting of ['fsync', 'full_page_writes']) await client.query(`ALTER SYSTEM SET ${setting} = off`);
    await client.query('SELECT pg_reload_conf()');
  } finally {
    await client.end();
  }
}
