import { z } from 'zod';
import { envelopeSchema } from './envelope.js';
import { publicKeySchema } from './ids.js';

/** Of a node: `?challenge=` with 32 random bytes in hex. Beside the paths of the Open Inference Protocol, whose models it serves. */
export const IDENTITY_PATH = '/v2/identity';

/** What a node answers to a challenge: its key, and a statement signed with it. */
export const identityProofSchema = z.object({ identityKey: publicKeySchema, proof: envelopeSchema });
export type IdentityProof = z.infer<typeof identityProofSchema>;
