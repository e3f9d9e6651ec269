/**
 * What the coordinator asks of a site right now. Assignments follow from the database, not from a queue:
 * asking twice gives the same answer, and one disappears only when its result has arrived.
 */
import { z } from 'zod';
import { envelopeSchema } from './envelope.js';
import { federationSchema } from './federation.js';
import {
  MAX_KEY_HOLDERS,
  MAX_SUMS,
  publicKeySchema,
  schemeNameSchema,
  sha256Schema,
  siteIdSchema,
  uuidSchema,
} from './ids.js';
import { protocolSchema } from './protocol.js';
import { ranges } from './ranges.js';

/** Mirrors KeyEpochHeader of the secure sum. */
export const keyEpochHeaderSchema = z.strictObject({
  scheme: schemeNameSchema,
  version: z.literal(1),
  keyEpochId: uuidSchema,
  seed: sha256Schema,
  roster: z.array(siteIdSchema).min(2).max(MAX_KEY_HOLDERS),
  threshold: z.int().min(2),
  minUploads: z.int().min(2),
  bits: z.union([z.literal(8), z.literal(16)]),
  sums: z.int().min(1).max(MAX_SUMS),
});

/** Public keys behind a roster. A node pins their fingerprint so that no site can be slipped in. */
export const rosterEntrySchema = z.strictObject({
  site: siteIdSchema,
  identityKey: publicKeySchema,
  sealingKey: publicKeySchema,
});
export type RosterEntry = z.infer<typeof rosterEntrySchema>;

const ceremony = z.strictObject({
  kind: z.literal('ceremony'),
  keyEpochId: uuidSchema,
  header: keyEpochHeaderSchema,
  roster: z.array(rosterEntrySchema).max(MAX_KEY_HOLDERS),
  step: z.string().max(32),
});
/**
 * What a strategy may ask of a site besides plain local training: exactly what sites offer. A run whose strategy asks for
 * more is refused before it starts.
 */
export const fitSchema = z.strictObject({
  /** μ of FedProx's term μ/2·‖w − w₀‖²; 0 for none. */
  proximalMu: ranges.proximalMu,
  /** No site keeps control variates. */
  controlVariate: z.literal(false),
});
export type Fit = z.infer<typeof fitSchema>;

const train = z.strictObject({
  kind: z.literal('train'),
  runId: uuidSchema,
  roundId: uuidSchema,
  round: z.int().positive(),
  keyEpochId: uuidSchema,
  sumId: uuidSchema,
  sumIndex: z.int().nonnegative(),
  federation: federationSchema,
  recordsSchemaSha256: sha256Schema,
  modelSha256: sha256Schema,
  /** The run's noise, calibrated once by the coordinator; the site checks it before it trains. */
  noiseMultiplier: ranges.noiseMultiplier,
  fit: fitSchema,
  seed: z.int().optional(),
});
const evaluate = z.strictObject({
  kind: z.literal('evaluate'),
  runId: uuidSchema,
  roundId: uuidSchema,
  keyEpochId: uuidSchema,
  sumId: uuidSchema,
  sumIndex: z.int().nonnegative(),
  federation: federationSchema,
  recordsSchemaSha256: sha256Schema,
  modelSha256: sha256Schema,
});
const share = z.strictObject({
  kind: z.literal('decrypt'),
  keyEpochId: uuidSchema,
  sumId: uuidSchema,
  commitment: envelopeSchema,
  /** The upload statements behind the commitment, one of each listed site in any order, as those sites signed them. */
  uploads: z.array(envelopeSchema).max(MAX_KEY_HOLDERS),
});
const release = z.strictObject({
  kind: z.literal('release'),
  model: z.string(),
  release: envelopeSchema,
  alias: z.string(),
});

export const assignmentSchema = z.discriminatedUnion('kind', [ceremony, train, evaluate, share, release]);
export type Assignment = z.infer<typeof assignmentSchema>;
export type AssignmentOf<K extends Assignment['kind']> = Extract<Assignment, { kind: K }>;
export const assignmentsSchema = z.object({
  protocol: protocolSchema,
  /** Of everything below: a site that names it is answered when it is another, and not before. */
  digest: sha256Schema,
  assignments: z.array(assignmentSchema),
  /** Key epochs in which something may still be asked of this site. It wipes its secrets of all others. */
  keyEpochs: z.array(uuidSchema),
});
export type Assignments = z.infer<typeof assignmentsSchema>;
