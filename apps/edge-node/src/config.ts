/** The node's environment, validated once. Secrets come in files, never in arguments or variables. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { CodedError, sha256Schema, siteIdSchema } from '@koinon/contracts';
import { milliseconds, readSettings, takeHome, whole } from '@koinon/service';

const modelNameSchema = z.string().regex(/^[a-z][a-z0-9-]{1,62}$/, 'lower-case letters, digits and hyphens');

const environmentSchema = z.object({
  KOINON_SITE: siteIdSchema,
  /** Folder of this node's keys, ledger and models. */
  KOINON_HOME: z.string(),
  KOINON_COORDINATOR_URL: z.url({ protocol: /^https?$/ }),
  /** SHA-256 of the coordinator's public key, handed over with the token. */
  KOINON_COORDINATOR_FINGERPRINT: sha256Schema,
  /** File with the one-time token; needed until the node has enrolled. */
  KOINON_ENROLMENT_TOKEN_FILE: z.string().optional(),
  KOINON_DATA_FILE: z.string(),
  KOINON_SPLIT_FILE: z.string(),
  /** This hospital's name inside the split file. */
  KOINON_SPLIT_CENTRE: z.string(),
  /** Names of the models to serve, separated by commas. */
  KOINON_MODELS: z
    .string()
    .default('heart-disease')
    .transform((names) => names.split(',').map((name) => name.trim()))
    .pipe(z.array(modelNameSchema).max(64)),
  KOINON_HOST: z.string().default('127.0.0.1'),
  KOINON_PORT: whole(0, 65535).default(8000),
  KOINON_SERVING_THREADS: whole(1, 64).optional(),
  /** Days for which an installed model goes on serving past the expiry of its release. */
  KOINON_SERVE_EXPIRED_DAYS: whole(0, 3650).default(30),
  /** The site's own limit over all runs; `off` gives privacy up in writing. */
  KOINON_EPSILON_BUDGET: z.union([z.literal('off'), z.coerce.number().positive()]).default(1.2),
  KOINON_DELTA: z.coerce.number().positive().max(0.1).default(1e-3),
  KOINON_TRAINING_MEMORY_MB: whole(256).default(1024),
  KOINON_TRAINING_TIMEOUT_MS: milliseconds(1000).default(600_000),
  /** Draws privacy noise from the seed: repeatable, and without any privacy. */
  KOINON_INSECURE_DETERMINISTIC: z.enum(['0', '1']).default('0'),
});

export interface NodeConfig {
  readonly site: string;
  readonly home: string;
  readonly coordinatorUrl: string;
  readonly coordinatorKeyFingerprint: string;
  readonly enrolmentTokenFile: string | undefined;
  readonly data: { readonly file: string; readonly splitFile: string; readonly centre: string };
  readonly models: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly servingThreads: number | undefined;
  readonly servesExpiredMs: number;
  readonly budget: { readonly epsilon: number; readonly delta: number } | null;
  readonly delta: number;
  readonly training: { readonly memoryMb: number; readonly timeoutMs: number };
  readonly insecureDeterministic: boolean;
}

/** @throws CodedError CONFIG_INVALID naming each setting, HOME_NOT_WRITABLE, HOME_VERSION */
export function readConfig(environment: NodeJS.ProcessEnv): NodeConfig {
  const env = readSettings(environmentSchema, environment);
  const home = resolve(env.KOINON_HOME);
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    accessSync(home, constants.W_OK);
  } catch {
    throw new CodedError('HOME_NOT_WRITABLE');
  }
  takeHome(home);
  return {
    site: env.KOINON_SITE,
    home,
    coordinatorUrl: env.KOINON_COORDINATOR_URL,
    coordinatorKeyFingerprint: env.KOINON_COORDINATOR_FINGERPRINT,
    enrolmentTokenFile: env.KOINON_ENROLMENT_TOKEN_FILE,
    data: {
      file: resolve(env.KOINON_DATA_FILE),
      splitFile: resolve(env.KOINON_SPLIT_FILE),
      centre: env.KOINON_SPLIT_CENTRE,
    },
    models: env.KOINON_MODELS,
    host: env.KOINON_HOST,
    port: env.KOINON_PORT,
    servingThreads: env.KOINON_SERVING_THREADS,
    servesExpiredMs: env.KOINON_SERVE_EXPIRED_DAYS * 86_400_000,
    budget:
      env.KOINON_EPSILON_BUDGET === 'off' ? null : { epsilon: env.KOINON_EPSILON_BUDGET, delta: env.KOINON_DELTA },
    delta: env.KOINON_DELTA,
    training: { memoryMb: env.KOINON_TRAINING_MEMORY_MB, timeoutMs: env.KOINON_TRAINING_TIMEOUT_MS },
    insecureDeterministic: env.KOINON_INSECURE_DETERMINISTIC === '1',
  };
}
