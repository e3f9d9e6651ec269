import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocalPostgres } from '@koinon/local-postgres';
import { Client } from 'pg';
import { CpuSamples } from './cpu-samples.js';

const CLI = join(import.meta.dirname, '../../apps/cli/dist/main.js');

/** A round as the coordinator recorded it. */
export interface MeasuredRound {
  /** When each state of the round, and of the sum of its updates, was entered; ms since 1970. */
  readonly entered: ReadonlyMap<string, number>;
  readonly sites: number;
  /** Requests that sites signed while it went on. */
  readonly requests: number;
  /** CPU time of all processes of the federation, in ms, by what they are; empty where the system does not tell. */
  readonly cpuMs: Readonly<Record<string, number>>;
}

/** One federation as `koinon up --once` runs it, over a database of its own: real coordinator, worker and nodes. */
export interface FederationRun {
  /** From the command to its report. */
  readonly wholeMs: number;
  readonly rounds: readonly MeasuredRound[];
}

export async function runFederation(onProgress: (line: string) => void): Promise<FederationRun> {
  const folder = mkdtempSync(join(tmpdir(), 'koinon-bench-'));
  // PostgreSQL runs as another user where we are root, and has to pass through here.
  chmodSync(folder, 0o711);
  const postgres = await startLocalPostgres({ dataDir: join(folder, 'postgres') });
  try {
    const started = performance.now();
    const cli = spawn(process.execPath, [CLI, 'up', '--once', '--format', 'json'], {
      env: { ...process.env, KOINON_HOME: join(folder, 'home'), KOINON_DATABASE_URL: postgres.url },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    cli.stderr.setEncoding('utf8').on('data', (text: string) => text.trimEnd().split('\n').forEach(onProgress));
    using samples = CpuSamples.of(cli.pid!, postgres.pid);
    const [code] = (await once(cli, 'close')) as [number | null];
    if (code !== 0) throw new Error(`the federation ended with exit code ${code}`);
    return { wholeMs: performance.now() - started, rounds: await readRounds(postgres.url, samples) };
  } finally {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A nonce is kept for ten minutes from the request that it came with. */
const ROUNDS = `
  SELECT r.timeline, cardinality(r.cohort) AS sites, (
    SELECT s.timeline FROM sums s WHERE s.round_id = r.id AND s.key_epoch_id = r.key_epoch_id AND s.sum_index = 0
  ) AS "ofUpdates", (
    SELECT count(*)::int FROM request_nonces n
    WHERE n.kept_until - interval '10 minutes' BETWEEN r.started_at AND r.finished_at
  ) AS requests
  FROM rounds r ORDER BY r.number`;

async function readRounds(connectionString: string, samples: CpuSamples): Promise<MeasuredRound[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<{
      timeline: { state: string; at: string }[];
      ofUpdates: { state: string; at: string }[];
      sites: number;
      requests: number;
    }>(ROUNDS);
    return rows.map(({ timeline, ofUpdates, sites, requests }) => {
      // Where a round and its sum have a state of one name, the round's is meant.
      const entered = new Map([...ofUpdates, ...timeline].map(({ state, at }) => [state, Date.parse(at)]));
      return { entered, sites, requests, cpuMs: samples.between(entered.get('planned')!, entered.get('done')!) };
    });
  } finally {
    await client.end();
  }
}
