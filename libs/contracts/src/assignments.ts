/**
 * What the coordinator asks of a site right now. Assignments follow from the database, not from a queue:
 * asking twice gives the same answer, and one disappears only when its result has arrived.
 */
import { z } from 'zod';
import { envelopeSchema } from './envelope.js';
import { MAX_KEY_HOLDERS, publicKeySchema, schemeNameSchema, sha256Schema, siteIdSchema, uuidSchema } from './ids.js';
import { protocolSchema } from './protocol.js';

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
  /** The scheme bounds them. */
  sums: z.int().min(1),
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

/** A vector of this site's for a secure sum. */
const task = z.strictObject({
  kind: z.literal('task'),
  /** What is summed. A site refuses what it does not know. */
  task: z.string().max(32),
  keyEpochId: uuidSchema,
  sumId: uuidSchema,
  sumIndex: z.int().nonnegative(),
  /** All that the site is told; the kind of task says what that is. */
  input: z.record(z.string(), z.unknown()),
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

export const assignmentSchema = z.discriminatedUnion('kind', [ceremony, task, share, release]);
export type Assignment = z.infer<typeof assignmentSchema>;
export type AssignmentOf<K extends Assignment['kind']> = Extract<Assignment, { kind: K }>;
export const assignmentsSchema = z.object({
  protocol: protocolSchema,
  /** Of everything below: a site that names it is answered when it is another, and not before. */
  digest: sha256Schema,
  assignments: z.array(assignmentSchema),
  /** Key epochs in which something may still be asked of this site. It wipes its secrets of all others. */
  keyEpochs: z.array(uuidSchema),
  /** Runs under way. It forgets what it keeps for any other. */
  runs: z.array(uuidSchema),
});
export type Assignments = z.infer<typeof assignmentsSchema>;
