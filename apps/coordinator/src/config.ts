/** The environment, validated once. Everything else receives this object. */
import { mkdirSync, accessSync, constants } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { CodedError } from '@koinon/contracts';

const environmentSchema = z.object({
  KOINON_DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  KOINON_REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional(),
  KOINON_HOME: z.string().min(1),
  KOINON_HOST: z.string().default('127.0.0.1'),
  KOINON_PORT: z.coerce.number().int().min(0).max(65535).default(7400),
  /** Folder of the built dashboard; without it only the API is served. */
  KOINON_DASHBOARD_DIR: z.string().optional(),
  /** How long to try PostgreSQL and Redis before giving up. */
  KOINON_CONNECT_TIMEOUT_MS: z.coerce.number().int().min(0).default(30_000),
  /** How long one step of a key ceremony may take. */
  KOINON_CEREMONY_STEP_MS: z.coerce.number().int().min(1000).default(30_000),
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

/** @throws CodedError CONFIG_INVALID naming each setting, HOME_NOT_WRITABLE */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const result = environmentSchema.safeParse(environment);
  if (!result.success) {
    const issues = result.error.issues.map((i) => ({ path: i.path.join('.'), message: i.message }));
    throw new CodedError('CONFIG_INVALID', issues.map((i) => `${i.path}: ${i.message}`).join('; '), issues);
  }
  const env = result.data;
  const home = join(resolve(env.KOINON_HOME), 'coordinator');
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    accessSync(home, constants.W_OK);
  } catch {
    throw new CodedError('HOME_NOT_WRITABLE');
  }
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
