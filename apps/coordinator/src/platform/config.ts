/** The environment, validated once. Everything else receives this object. */
import { mkdirSync, accessSync, constants } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { CodedError } from '@koinon/contracts';
import { milliseconds, readSettings, takeHome, whole } from '@koinon/service';

const environmentSchema = z.object({
  KOINON_DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  KOINON_REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional(),
  KOINON_HOME: z.string(),
  KOINON_HOST: z.string().default('127.0.0.1'),
  KOINON_PORT: whole(0, 65_535).default(7400),
  /** Folder of the built dashboard; without it only the API is served. */
  KOINON_DASHBOARD_DIR: z.string().optional(),
  /** How long to try PostgreSQL and Redis before giving up. */
  KOINON_CONNECT_TIMEOUT_MS: milliseconds(0).default(30_000),
  /** How long one step of a key ceremony may take. */
  KOINON_CEREMONY_STEP_MS: milliseconds(1000).default(30_000),
});

export interface Config {
  readonly databaseUrl: string;
  readonly redisUrl: string | undefined;
  /** Folder of the coordinator's keys and blobs. */
  readonly home: string;
  readonly host: string;
  readonly port: number;
  readonly dashboardDir: string | undefined;
  readonly connectTimeoutMs: number;
  readonly ceremonyStepMs: number;
}

export const CONFIG = Symbol('Config');

/** @throws CodedError CONFIG_INVALID naming each setting, HOME_NOT_WRITABLE, HOME_VERSION */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const env = readSettings(environmentSchema, environment);
  const home = join(resolve(env.KOINON_HOME), 'coordinator');
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    accessSync(home, constants.W_OK);
  } catch {
    throw new CodedError('HOME_NOT_WRITABLE');
  }
  takeHome(home);
  return {
    databaseUrl: env.KOINON_DATABASE_URL,
    redisUrl: env.KOINON_REDIS_URL,
    home,
    host: env.KOINON_HOST,
    port: env.KOINON_PORT,
    dashboardDir: env.KOINON_DASHBOARD_DIR,
    connectTimeoutMs: env.KOINON_CONNECT_TIMEOUT_MS,
    ceremonyStepMs: env.KOINON_CEREMONY_STEP_MS,
  };
}
