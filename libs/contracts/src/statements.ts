/** What a site or the coordinator signs, by payload type. Everything a third party must check is one of these. */
import { z } from 'zod';
import { MAX_KEY_HOLDERS, publicKeySchema, sha256Schema, siteIdSchema, uuidSchema } from './ids.js';
import { protocolSchema, releaseProtocolSchema } from './protocol.js';

const statement = <T extends z.ZodRawShape>(name: string, shape: T, protocol = protocolSchema) => ({
  type: `application/vnd.koinon.${name}.v1+json`,
  schema: z.strictObject({ protocol, ...shape }),
});

/** A site's request: method, path and body digest, so that nothing can be replayed elsewhere. */
export const requestStatement = statement('request', {
  site: siteIdSchema,
  method: z.enum(['GET', 'POST', 'PUT']),
  path: z.string().max(2000),
  bodySha256: sha256Schema,
  /** Milliseconds since 1970, the site's clock. */
  createdAt: z.int(),
  nonce: z.string().min(16).max(64),
});

/** A site's own keys, proved with the one-time token: the token itself is sent beside, never signed into the open. */
export const enrolmentStatement = statement('enrolment', {
  site: siteIdSchema,
  identityKey: publicKeySchema,
  /** X25519 public key that other sites seal shares to (HPKE). */
  sealingKey: publicKeySchema,
  tokenSha256: sha256Schema,
});

/** All messages of one site in one step of the key ceremony, by digest. A body with `to` is sealed: only `to` can unseal it. */
export const ceremonyStatement = statement('ceremony', {
  keyEpochId: uuidSchema,
  headerSha256: sha256Schema,
  site: siteIdSchema,
  step: z.string().max(32),
  messages: z
    .array(z.strictObject({ to: siteIdSchema.optional(), sha256: sha256Schema }))
    .min(1)
    .max(MAX_KEY_HOLDERS),
});

/** A finished upload: after this the site cannot change a block. */
export const uploadStatement = statement('upload', {
  sumId: uuidSchema,
  site: siteIdSchema,
  blocks: z.int().positive(),
  /** Merkle root over the SHA-256 of the blocks. */
  root: sha256Schema,
});

/** The coordinator’s aggregation commitment: exactly these uploads, this root of the sum, these decryptors. Never a second one. */
export const aggregationCommitmentStatement = statement('freezing', {
  sumId: uuidSchema,
  keyEpochId: uuidSchema,
  sumIndex: z.int().nonnegative(),
  blocks: z.int().positive(),
  uploads: z.array(z.strictObject({ site: siteIdSchema, root: sha256Schema })).max(MAX_KEY_HOLDERS),
  /** Merkle root over the SHA-256 of the sum's blocks. */
  sumRoot: sha256Schema,
  decryptors: z.array(siteIdSchema).max(MAX_KEY_HOLDERS),
});

/** A site's decryption share, by digest; the bytes travel beside it. */
export const decryptionShareStatement = statement('share', {
  sumId: uuidSchema,
  site: siteIdSchema,
  commitmentSha256: sha256Schema,
  shareSha256: sha256Schema,
  /** Blocks this site recomputed from the committed uploads before it made its share. */
  blocksChecked: z.int().nonnegative(),
});

/** A hundred releases a day for 27 years. A counter beyond it would leave no number for the release after. */
export const MOST_RELEASES = 1_000_000;

/** A released model version. The counter only grows: going back to old content is a newer release. */
export const releaseStatement = statement(
  'release',
  {
    model: z.string(),
    version: z.int().positive(),
    releaseCounter: z.int().positive().max(MOST_RELEASES),
    sha256: sha256Schema,
    bytes: z.int().positive(),
    issuedAt: z.string(),
    expiresAt: z.string(),
  },
  releaseProtocolSchema,
);

/** A node's answer to somebody who asks who it is, before any patient's values are sent to it. */
export const identityStatement = statement('identity', {
  site: siteIdSchema,
  /** 32 random bytes of whoever asks, in hex. */
  challenge: sha256Schema,
});

export type RequestStatement = z.infer<typeof requestStatement.schema>;
export type EnrolmentStatement = z.infer<typeof enrolmentStatement.schema>;
export type CeremonyStatement = z.infer<typeof ceremonyStatement.schema>;
export type UploadStatement = z.infer<typeof uploadStatement.schema>;
export type AggregationCommitment = z.infer<typeof aggregationCommitmentStatement.schema>;
export type DecryptionShareStatement = z.infer<typeof decryptionShareStatement.schema>;
export type ReleaseStatement = z.infer<typeof releaseStatement.schema>;
