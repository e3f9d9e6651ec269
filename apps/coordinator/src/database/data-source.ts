import { DataSource } from 'typeorm';
import { CodedError } from '@koinon/contracts';
import { QuietClient } from '../platform/database/quiet-client.js';
import { auditEntities } from '../platform/audit/audit.entities.js';
import { fleetEntities } from '../fleet/fleet.entities.js';
import { federationsEntities } from '../federations/federations.entities.js';
import { identityEntities } from '../identity/identity.entities.js';
import { jobsEntities } from '../platform/jobs/jobs.entities.js';
import { keyEpochsEntities } from '../key-epochs/key-epochs.entities.js';
import { livenessEntities } from '../platform/liveness/liveness.entities.js';
import { registryEntities } from '../registry/registry.entities.js';
import { secureSumsEntities } from '../secure-sums/secure-sums.entities.js';
import { CONNECTION } from '../platform/database/connection.js';
import { Federation20261123060000 } from './migrations/20261123-federation.js';
import { BlobDigests20261127080000 } from './migrations/20261127-blob-digests.js';
import { Heartbeats20261127130000 } from './migrations/20261127-heartbeats.js';
import { KeyEpochNames20261128040000 } from './migrations/20261128-key-epoch-names.js';
import { KeyEpochsEnd20261128010000 } from './migrations/20261128-key-epochs-end.js';
import { RoundTasks20261128060000 } from './migrations/20261128-round-tasks.js';
import { RoundStates20261128020000 } from './migrations/20261128-round-states.js';
import { OneWriter20261128030000 } from './migrations/20261128-one-writer.js';
import { JobFailures20261127140000 } from './migrations/20261127-job-failures.js';
import { EndOfProtocolOne20261128070000 } from './migrations/20261128-end-of-protocol-1.js';
import { PresentWords20261128050000 } from './migrations/20261128-present-words.js';
import { RequestNonces20261127070000 } from './migrations/20261127-request-nonces.js';
import { RoundFit20261127120000 } from './migrations/20261127-round-fit.js';
import { RunEpsilon20261127150000 } from './migrations/20261127-run-epsilon.js';
import { SiteStatus20261127010000 } from './migrations/20261127-site-status.js';

/** How long a question waits for a connection: to the server, or for one of ours to become free. */
const CONNECT_MS = 15_000;

export function dataSource(url: string): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    entities: [
      ...identityEntities,
      ...fleetEntities,
      ...federationsEntities,
      ...keyEpochsEntities,
      ...secureSumsEntities,
      ...registryEntities,
      ...jobsEntities,
      ...livenessEntities,
      ...auditEntities,
    ],
    migrations: [
      Federation20261123060000,
      SiteStatus20261127010000,
      RequestNonces20261127070000,
      BlobDigests20261127080000,
      RoundFit20261127120000,
      Heartbeats20261127130000,
      JobFailures20261127140000,
      RunEpsilon20261127150000,
      KeyEpochsEnd20261128010000,
      RoundStates20261128020000,
      OneWriter20261128030000,
      KeyEpochNames20261128040000,
      PresentWords20261128050000,
      RoundTasks20261128060000,
      EndOfProtocolOne20261128070000,
    ],
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
    synchronize: false,
    extra: { max: 6, connectionTimeoutMillis: CONNECT_MS, Client: QuietClient, ...CONNECTION },
  });
}

/** Two processes may start at once; only one migrates at a time. */
const MIGRATION_LOCK = 0x6b6f696e;

/**
 * Connects, retrying until `timeoutMs` has passed, and migrates.
 * @throws CodedError DATABASE_UNREACHABLE
 */
export async function connectDatabase(url: string, timeoutMs: number): Promise<DataSource> {
  const source = dataSource(url);
  const giveUpAt = Date.now() + timeoutMs;
  for (let waitMs = 100; !source.isInitialized; waitMs = Math.min(waitMs * 2, 2000)) {
    try {
      await source.initialize();
    } catch {
      if (Date.now() + waitMs > giveUpAt) throw new CodedError('DATABASE_UNREACHABLE');
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
  const runner = source.createQueryRunner();
  try {
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await source.runMigrations();
  } finally {
    await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    await runner.release();
  }
  return source;
}
