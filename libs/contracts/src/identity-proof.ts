import { z } from 'zod';
import { envelopeSchema } from './envelope.js';
import { publicKeySchema } from './ids.js';

/** What a node answers to a challenge: its key, and a statement signed with it. */
export const identityProofSchema = z.object({ identityKey: publicKeySchema, proof: envelopeSchema });
export type IdentityProof = z.infer<typeof identityProofSchema>;
