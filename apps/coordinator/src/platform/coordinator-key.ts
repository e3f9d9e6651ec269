import { join } from 'node:path';
import { CodedError } from '@koinon/contracts';
import { fromBase64, generateSigningKey, signerFrom, toBase64, type Signer } from '@koinon/signing';
import { z } from 'zod';
import { keptFile } from './kept-file.js';

export const COORDINATOR_KEY = Symbol('CoordinatorKey');
const fileSchema = z.strictObject({ publicKey: z.string(), pkcs8: z.string() });

/**
 * The coordinator's Ed25519 key: signs aggregation commitments, releases and lineage. Made once, and never again by itself:
 * every enrolled site has pinned it.
 * @throws CodedError KEY_UNUSABLE, DISK_FULL, HOME_NOT_WRITABLE
 */
export async function loadCoordinatorKey(home: string): Promise<Signer> {
  const text = await keptFile(join(home, 'signing-key.json'), async () => {
    const { pkcs8, publicKey } = await generateSigningKey();
    return JSON.stringify({ publicKey, pkcs8: toBase64(pkcs8) });
  });
  try {
    const { pkcs8, publicKey } = fileSchema.parse(JSON.parse(text));
    return await signerFrom(fromBase64(pkcs8), publicKey);
  } catch {
    // The cause may quote the key.
    throw new CodedError('KEY_UNUSABLE', 'signing-key.json is damaged');
  }
}
