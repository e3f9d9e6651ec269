import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { KoinonClient } from '@koinon/client';

/** Stores the file's bytes at the coordinator. @returns their SHA-256 */
export async function putFile(client: KoinonClient, file: string): Promise<string> {
  const bytes = readFileSync(file);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await client.putBlob(sha256, bytes);
  return sha256;
}
