import { Client, DatabaseError } from 'pg';
import { DATABASE, ROLE } from './cluster.js';
import { LocalPostgresError } from './errors.js';

const CONNECT_TIMEOUT_MS = 5_000;
/** SQLSTATE of a failed authentication. */
const INVALID_PASSWORD = '28P01';

/** The password is base64url, so it needs no escaping. */
export function databaseUrl(port: number, password: string, database = DATABASE): string {
  return `postgres://${ROLE}:${password}@127.0.0.1:${port}/${database}`;
}

/** Whether the server on `port` accepts our role and password: nobody else's does. */
export async function canConnect(port: number, password: string): Promise<boolean> {
  try {
    await withClient(port, password, () => Promise.resolve());
    return true;
  } catch {
    return false;
  }
}

/**
 * Creates our database on a cluster that has none yet.
 * @throws LocalPostgresError PASSWORD_REJECTED, START_FAILED
 */
export async function ensureDatabase(port: number, password: string): Promise<void> {
  try {
    await withClient(port, password, async (client) => {
      const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
      if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
    });
  } catch (cause) {
    const isRejected = cause instanceof DatabaseError && cause.code === INVALID_PASSWORD;
    throw new LocalPostgresError(isRejected ? 'PASSWORD_REJECTED' : 'START_FAILED', { cause });
  }
}

async function withClient(port: number, password: string, use: (client: Client) => Promise<void>): Promise<void> {
  const connectionString = databaseUrl(port, password, 'postgres');
  const client = new Client({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // A server that dies under an open connection reports here as well as to the pending call.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await use(client);
  } finally {
    await client.end();
  }
}
