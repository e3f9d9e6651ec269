/** The node's environment, validated once. Secrets come in files, never in arguments or variables. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { CodedError, sha256Schema, siteIdSchema } from '@koinon/contracts';

const modelNameSchema = z.string().regex(/^[a-z][a-z0-9-]{1,62}$/, 'lower-case letters, digits and hyphens');

const environmentSchema = z.object({
  KOINON_SITE: siteIdSchema,
  /** Folder of this node's keys, ledger and models. */
  KOINON_HOME: z.string().min(1),
  KOINON_COORDINATOR_URL: z.url({ protocol: /^https?$/ }),
  /** SHA-256 of the coordinator's public key, handed over with the token. */
  KOINON_COORDINATOR_FINGERPRINT: sha256Schema,
  /** File with the one-time token; needed until the node has enrolled. */
  KOINON_ENROLMENT_TOKEN_FILE: z.string().optional(),
  KOINON_DATA_FILE: z.string().min(1),
  KOINON_SPLIT_FILE: z.string().min(1),
  /** This hospital's name inside the split file. */
  KOINON_SPLIT_CENTRE: z.string().min(1),
  /** Names of the models to serve, separated by commas. */
  KOINON_MODELS: z.string().default('heart-disease').transform((names) => names.split(',').map((name) => name.trim())).pipe(z.array(modelNameSchema).max(64)),
  KOINON_HOST: z.string().default('127.0.0.1'),
  KOINON_PORT: z.coerce.number().int().min(0).max(65535).default(8000),
  KOINON_SERVING_THREADS: z.coerce.number().int().min(1).max(64).optional(),
  /** Days for which an installed model goes on serving past the expiry of its release. */
  KOINON_SERVE_EXPIRED_DAYS: z.coerce.number().int().min(0).max(3650).default(30),
  /** The site's own limit over all runs; `off` gives privacy up in writing. */
  KOINON_EPSILON_BUDGET: z.union([z.literal('off'), z.coerce.number().positive()]).default(1.2),
  KOINON_DELTA: z.coerce.number().positive().max(0.1).default(1e-3),
  KOINON_TRAINING_MEMORY_MB: z.coerce.number().int().min(256).default(1024),
  KOINON_TRAINING_TIMEOUT_MS: z.coerce.number().int().min(1000).default(600_000),
  /** Draws privacy noise from the seed: repeatable, and without any privacy. */
  KOINON_INSECURE_DETERMINISTIC: z.enum(['0', '1']).default('0'),
});

export interface NodeConfig {
  readonly site: string;
  readonly home: string;
  readonly coordinatorUrl: string;
  readonly coordinatorFingerprint: string;
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

/** @throws CodedError CONFIG_INVALID naming each setting, HOME_NOT_WRITABLE */
export function readConfig(environment: NodeJS.ProcessEnv): NodeConfig {
  // An empty variable is how compose files spell one that is not set; as a number it would read as 0.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const result = environmentSchema.safeParse(given);
  if (!result.success) {
    const issues = result.error.issues.map((i) => ({ path: i.path.join('.'), message: i.message }));
    throw new CodedError('CONFIG_INVALID', issues.map((i) => `${i.path}: ${i.message}`).join('; '), issues);
  }
  const env = result.data;
  const home = resolve(env.KOINON_HOME);
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    accessSync(home, constants.W_OK);
  } catch {
    throw new CodedError('HOME_NOT_WRITABLE');
  }
  return {
    site: env.KOINON_SITE,
    home,
    coordinatorUrl: env.KOINON_COORDINATOR_URL,
    coordinatorFingerprint: env.KOINON_COORDINATOR_FINGERPRINT,
    enrolmentTokenFile: env.KOINON_ENROLMENT_TOKEN_FILE,
    data: { file: resolve(env.KOINON_DATA_FILE), splitFile: resolve(env.KOINON_SPLIT_FILE), centre: env.KOINON_SPLIT_CENTRE },
    models: env.KOINON_MODELS,
    host: env.KOINON_HOST,
    port: env.KOINON_PORT,
    servingThreads: env.KOINON_SERVING_THREADS,
    servesExpiredMs: env.KOINON_SERVE_EXPIRED_DAYS * 86_400_000,
    budget: env.KOINON_EPSILON_BUDGET === 'off' ? null : { epsilon: env.KOINON_EPSILON_BUDGET, delta: env.KOINON_DELTA },
    delta: env.KOINON_DELTA,
    training: { memoryMb: env.KOINON_TRAINING_MEMORY_MB, timeoutMs: env.KOINON_TRAINING_TIMEOUT_MS },
    insecureDeterministic: env.KOINON_INSECURE_DETERMINISTIC === '1',
  };
}
