import { readConfig } from './platform/config.js';
import { connectDatabase } from './database/data-source.js';
import { connectQueueBackend } from './platform/jobs/backend.js';
import { loadCoordinatorKey } from './platform/coordinator-key.js';
import type { Foundations } from './platform/platform.module.js';

/** @throws CodedError CONFIG_INVALID, HOME_NOT_WRITABLE, DATABASE_UNREACHABLE, REDIS_UNREACHABLE, REDIS_EVICTS, KEY_UNUSABLE */
export async function connectFoundations(environment: NodeJS.ProcessEnv): Promise<Foundations> {
  const config = readConfig(environment);
  const signer = await loadCoordinatorKey(config.home);
  const database = await connectDatabase(config.databaseUrl, config.connectTimeoutMs);
  const queues = await connectQueueBackend(config);
  return { config, database, queues, signer };
}
