import { parseMessage, type Envelope } from '@koinon/contracts';
import { z } from 'zod';
import { verifyStatement } from './dsse.js';

/** A node's signed message: its signature first, then its protocol, then the rest. @throws CodedError SIGNATURE_INVALID, PROTOCOL_DIFFERS, REQUEST_INVALID */
export async function verifyMessage<T>(
  envelope: Envelope,
  { type, schema }: { readonly type: string; readonly schema: z.ZodType<T> },
  publicKey: string,
): Promise<T> {
  return parseMessage(schema, await verifyStatement(envelope, type, z.unknown(), publicKey));
}
