import { z } from 'zod';

export const siteIdSchema = z.string().regex(/^[a-z][a-z0-9-]{1,38}$/, 'lower-case letters, digits and hyphens');
export type SiteId = z.infer<typeof siteIdSchema>;

/** Of an encryption scheme. Which there are, the registry of the secure sum knows; the wire takes any name. */
export const schemeNameSchema = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens');

export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, '64 hex characters');
export const publicKeySchema = z.base64().length(44);
export const uuidSchema = z.uuid();

/** Sites that hold shares of one key. In a step each posts at most one message to all and one to each other. */
export const MAX_KEY_HOLDERS = 64;
