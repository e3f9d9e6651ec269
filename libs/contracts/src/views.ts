/** What operators, the dashboard and the CLI read. */
import { z } from 'zod';
import { envelopeSchema } from './envelope.js';
import { federationSchema } from './federation.js';
import { sha256Schema, siteIdSchema, uuidSchema } from './ids.js';
import { metricsSchema } from './metrics.js';
import { errorCodeSchema, siteStatusSchema } from './site-api.js';
import { storedFederationSchema } from './stored-federation.js';

const instant = z.string();

export const siteViewSchema = z.object({
  id: siteIdSchema,
  name: z.string(),
  state: z.enum(['invited', 'enrolled']),
  keyFingerprint: sha256Schema.nullable(),
  enrolledAt: instant.nullable(),
  lastSeenAt: instant.nullable(),
  status: siteStatusSchema.nullable(),
  /** The largest ε this site ever reported, where it now reports less: its ledger was lost or put back. */
  epsilonForgotten: z.number().nullable().default(null),
});
export type SiteView = z.infer<typeof siteViewSchema>;

export const inviteRequestSchema = z.strictObject({ id: siteIdSchema, name: z.string().min(1).max(120) });
export const invitationSchema = z.object({
  site: siteIdSchema,
  token: z.string(),
  expiresAt: instant,
  /** SHA-256 of the coordinator's public key, for the node to pin. */
  coordinatorKeyFingerprint: sha256Schema,
});

/** What people see of a round: its own states and, while it collects, what the sum of its updates is doing. */
export const roundPhases = [
  'planned',
  'collecting',
  'freezing',
  'aggregating',
  'decrypting',
  'updating',
  'evaluating',
  'done',
  'failed',
] as const;
export type RoundPhase = (typeof roundPhases)[number];

export const failureSchema = z.object({ code: errorCodeSchema, detail: z.string().nullable() });
export type Failure = z.infer<typeof failureSchema>;

export const roundViewSchema = z.object({
  id: uuidSchema,
  number: z.int(),
  state: z.enum(roundPhases),
  failure: failureSchema.nullable(),
  cohort: z.array(siteIdSchema),
  participants: z.array(siteIdSchema),
  exclusions: z.array(z.object({ site: siteIdSchema, code: errorCodeSchema })),
  decryptors: z.array(siteIdSchema),
  keyEpochId: uuidSchema.nullable(),
  startedAt: instant,
  finishedAt: instant.nullable(),
  /** When each state was entered. */
  timeline: z.array(z.object({ state: z.enum(roundPhases), at: instant })),
  uploadBytes: z.int(),
  metrics: metricsSchema.nullable(),
  version: z.int().nullable(),
});
export type RoundView = z.infer<typeof roundViewSchema>;

export const runStates = ['running', 'done', 'failed', 'cancelled'] as const;

export const runViewSchema = z.object({
  id: uuidSchema,
  federation: z.string(),
  state: z.enum(runStates),
  failure: failureSchema.nullable(),
  startedAt: instant,
  finishedAt: instant.nullable(),
  spec: storedFederationSchema,
  seed: z.int().nullable(),
  rounds: z.array(roundViewSchema),
  /** `title` is the scheme's name as people read it. */
  encryption: z.object({
    scheme: z.string(),
    title: z.string(),
    bytesPerParameter: z.number(),
    valuesPerBlock: z.int(),
  }),
  privacy: z.object({
    unit: z.literal('record'),
    epsilonBudget: z.number().nullable(),
    /** The largest ε any site has spent in this run; null without noise, where no bound holds. */
    epsilonSpent: z.number().nullable(),
    delta: z.number(),
    noiseMultiplier: z.number(),
  }),
});
export type RunView = z.infer<typeof runViewSchema>;

export const startRunSchema = z.strictObject({
  spec: federationSchema,
  /** Digests of blobs put before: the model file and the records schema. */
  modelSha256: sha256Schema,
  recordsSchemaSha256: sha256Schema,
  seed: z.int().nonnegative().optional(),
});
export type StartRun = z.infer<typeof startRunSchema>;

export const versionViewSchema = z.object({
  model: z.string(),
  version: z.int(),
  sha256: sha256Schema,
  bytes: z.int(),
  createdAt: instant,
  baseVersion: z.int().nullable(),
  runId: uuidSchema.nullable(),
  round: z.int().nullable(),
  aliases: z.array(z.string()),
  metrics: metricsSchema.nullable(),
  /** Sites that serve this version now. */
  servedBy: z.array(siteIdSchema),
});
export type VersionView = z.infer<typeof versionViewSchema>;

export const modelViewSchema = z.object({ name: z.string(), versions: z.array(versionViewSchema) });
export type ModelView = z.infer<typeof modelViewSchema>;

/** Where a version came from; the predicate of the signed in-toto statement. */
const presentLineage = z.object({
  model: z.string(),
  version: z.int(),
  baseVersion: z.int().nullable(),
  runId: uuidSchema.nullable(),
  round: z.int().nullable(),
  cohort: z.array(z.object({ site: siteIdSchema, uploadRoot: sha256Schema })),
  exclusions: z.array(z.object({ site: siteIdSchema, code: errorCodeSchema })),
  /** With the defaults filled in. */
  strategy: z.object({ name: z.string(), params: z.record(z.string(), z.union([z.number(), z.boolean()])) }).nullable(),
  /** The local configuration as it reached the sites. */
  local: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).nullable(),
  privacy: z
    .object({ unit: z.string(), epsilonSpent: z.number().nullable(), delta: z.number(), noiseMultiplier: z.number() })
    .nullable(),
  encryption: z
    .object({
      scheme: z.string(),
      keyEpochId: uuidSchema,
      threshold: z.int(),
      sumRoot: sha256Schema,
      decryptors: z.array(siteIdSchema),
    })
    .nullable(),
  recordsSchemaSha256: sha256Schema.nullable(),
  code: z.object({ version: z.string(), lockfileSha256: sha256Schema.nullable() }),
});
/** Names in lineages that were signed before, and what they are called now. */
const FORMER: Readonly<Record<string, string>> = {
  featureSchemaSha256: 'recordsSchemaSha256',
  epochId: 'keyEpochId',
  activeSet: 'decryptors',
};
const renamed = <T>(value: T): T =>
  value !== null && typeof value === 'object'
    ? (Object.fromEntries(Object.entries(value).map(([name, of]) => [FORMER[name] ?? name, of])) as T)
    : value;
export const lineageSchema = z.preprocess((signed) => {
  const lineage = renamed((signed ?? {}) as Readonly<Record<string, unknown>>);
  return { ...lineage, encryption: renamed(lineage['encryption']) };
}, presentLineage);
export type Lineage = z.infer<typeof lineageSchema>;
export const versionDetailSchema = versionViewSchema.extend({ lineage: lineageSchema, statement: envelopeSchema });
export type VersionDetail = z.infer<typeof versionDetailSchema>;

/** Server-sent events: what changed, by id. Readers fetch the view again. */
export const eventSchema = z.object({
  topic: z.enum(['site', 'key-epoch', 'round', 'run', 'version']),
  id: z.string(),
  runId: uuidSchema.nullable(),
  at: instant,
});
export type KoinonEvent = z.infer<typeof eventSchema>;

/** An attempt of a job that failed; the log has the details. */
export const failedJobSchema = z.object({
  at: instant,
  job: z.string(),
  data: z.record(z.string(), z.unknown()),
  code: errorCodeSchema,
  attempt: z.int(),
  /** The last attempt: what it was for has failed, or the reconciler asks again. */
  gaveUp: z.boolean(),
});
export type FailedJob = z.infer<typeof failedJobSchema>;

export const auditEntrySchema = z.object({
  seq: z.int(),
  at: instant,
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  detail: z.record(z.string(), z.unknown()),
  previousHash: sha256Schema,
  hash: sha256Schema,
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;
export const auditReportSchema = z.object({ entries: z.int(), intact: z.boolean(), firstBroken: z.int().nullable() });
