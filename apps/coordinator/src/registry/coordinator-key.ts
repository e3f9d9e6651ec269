import { randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, fromBase64, generateSigningKey, signerFrom, toBase64, type Signer } from '@koinon/contracts';
import { z } from 'zod';

export const COORDINATOR_KEY = Symbol('CoordinatorKey');
const fileSchema = z.strictObject({ publicKey: z.string(), pkcs8: z.string() });

/**
 * The coordinator's Ed25519 key: signs closings, releases and lineage. Made once; HTTP and worker
 * processes may start together, so the file appears whole or not at all and the first one wins.
 * @throws CodedError KEY_UNUSABLE
 */
export async function loadCoordinatorKey(home: string): Promise<Signer> {
  const path = join(home, 'signing-key.json');
  const read = async () => parsed(await readFile(path, 'utf8'));
  const stored = await read().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    const { pkcs8, publicKey } = await generateSigningKey();
    const temporary = `${path}.${randomUUID()}`;
    await writeFile(temporary, JSON.stringify({ publicKey, pkcs8: toBase64(pkcs8) }), { mode: 0o600, flag: 'wx' });
    await link(temporary, path).catch((e: NodeJS.ErrnoException) => {
      if (e.code !== 'EEXIST') throw e;
    });
    await rm(temporary);
    return read();
  });
  return signerFrom(stored.pkcs8, stored.publicKey);
}

function parsed(text: string): { publicKey: string; pkcs8: Uint8Array } {
  try {
    const { publicKey, pkcs8 } = fileSchema.parse(JSON.parse(text));
    return { publicKey, pkcs8: fromBase64(pkcs8) };
  } catch {
    // The cause may quote the key.
    throw new CodedError('KEY_UNUSABLE', 'signing-key.json is damaged');
  }
}
