import { z } from 'zod';

/** A signed statement as it travels: an envelope of secure-systems-lab/dsse v1 with one signature. */
export const envelopeSchema = z.object({
  payloadType: z.string().max(200),
  payload: z.base64(),
  signatures: z.array(z.object({ keyid: z.string().max(64), sig: z.base64() })).length(1),
});
export type Envelope = z.infer<typeof envelopeSchema>;
