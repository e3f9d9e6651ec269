/** Bodies of the site endpoints. */
import { z } from 'zod';
import { catalogue, type ErrorCode } from './errors.js';
import { envelopeSchema } from './envelope.js';
import { publicKeySchema, sha256Schema, siteIdSchema, uuidSchema } from './ids.js';
import { protocolSchema } from './protocol.js';

export const enrolRequestSchema = z.strictObject({ token: z.string().min(20).max(200), statement: envelopeSchema });
export const enrolResponseSchema = z.object({
  protocol: protocolSchema,
  site: siteIdSchema,
  coordinatorKey: publicKeySchema,
});

export const blockProofSchema = z.object({ block: z.base64(), proof: z.array(sha256Schema) });
export const openingSchema = z.object({
  index: z.int().nonnegative(),
  sum: blockProofSchema,
  uploads: z.array(blockProofSchema.extend({ site: siteIdSchema })),
});
export type Opening = z.infer<typeof openingSchema>;

export const errorCodeSchema = z.enum(Object.keys(catalogue) as ErrorCode[], 'an unknown error code');

/** A site says why it cannot do an assignment. The round goes on without it if the quorum allows. */
export const refusalSchema = z.strictObject({
  subject: z.enum(['key-epoch', 'sum']),
  id: uuidSchema,
  code: errorCodeSchema,
  detail: z.string().max(300).optional(),
});
export type Refusal = z.infer<typeof refusalSchema>;

/** A model that a node answers for. */
export const servedModelSchema = z.strictObject({
  model: z.string(),
  version: z.int().positive(),
  sha256: sha256Schema,
  /** Of the signed release on the node's disk; null while it has none, and is to be given it again. */
  releaseCounter: z.int().positive().nullable().default(null),
  /** Past its expiry: nobody may install it any more, but it goes on serving for as long as the site allows. */
  expired: z.boolean().default(false),
});
export type ServedModel = z.infer<typeof servedModelSchema>;

/** A release that a node was given or has on its disk and does not serve, and why. */
export const heldReleaseSchema = z.strictObject({ model: z.string().max(200), code: errorCodeSchema });
export type HeldRelease = z.infer<typeof heldReleaseSchema>;

/** What nodes take that do not say what they take. */
export const tasksOfEveryNode = ['fit', 'evaluate'] as const;

const servedModels = z.array(servedModelSchema).max(64);

export const siteStatusSchema = z.strictObject({
  servingUrl: z.url().optional(),
  /** Every model this node answers for; nodes of before said one, or nothing. */
  serving: z.union([servedModels, servedModelSchema.transform((one) => [one])]).default([]),
  notServing: z.array(heldReleaseSchema).max(64).default([]),
  /** Kinds of task that this node takes. */
  offers: z
    .array(z.string().max(32))
    .max(64)
    .default([...tasksOfEveryNode]),
  /** The node's clock minus the coordinator's, as the node saw it; whole seconds are meant. */
  clockAheadMs: z.int().optional(),
  requests: z.int().nonnegative().default(0),
  p50Ms: z.number().nonnegative().optional(),
  p99Ms: z.number().nonnegative().optional(),
  /** The site's own ledger; the coordinator mirrors it. null while nothing private was trained. */
  epsilonSpent: z.number().nonnegative().nullable().default(null),
});
export type SiteStatus = z.infer<typeof siteStatusSchema>;
