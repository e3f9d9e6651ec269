import { join } from 'node:path';
import { CodedError } from '@koinon/contracts';
import { fromBase64, generateSigningKey, signerFrom, toBase64, type Signer } from '@koinon/signing';
import { z } from 'zod';
import { createDurably, readIfThere, removeUnfinished } from '@koinon/service';
import { isEnrolled } from './enrolment-file.js';
import { SealedBox } from './sealed-box.js';

const fileSchema = z.strictObject({
  identity: z.strictObject({ publicKey: z.string(), pkcs8: z.string() }),
  sealing: z.strictObject({ publicKey: z.string(), privateKey: z.string() }),
});

/** The node's own keys: Ed25519 to sign, X25519 for others to seal to. They never leave it. */
export interface SiteKeys {
  readonly signer: Signer;
  readonly box: SealedBox;
}

/** Loads the keys from `<home>/keys.json`; a node that has not enrolled makes them at its first start. @throws CodedError KEY_UNUSABLE, DISK_FULL */
export async function loadSiteKeys(home: string): Promise<SiteKeys> {
  const file = join(home, 'keys.json');
  removeUnfinished(home);
  if (!readIfThere(file)) {
    if (isEnrolled(home)) throw new CodedError('KEY_UNUSABLE', 'keys.json is gone');
    const { pkcs8, publicKey } = await generateSigningKey();
    const sealing = await SealedBox.generateKey();
    createDurably(file, JSON.stringify({ identity: { publicKey, pkcs8: toBase64(pkcs8) }, sealing }));
    pkcs8.fill(0);
  }
  try {
    const { identity, sealing } = fileSchema.parse(JSON.parse(readIfThere(file)!.toString('utf8')));
    const pkcs8 = fromBase64(identity.pkcs8);
    const keys = { signer: await signerFrom(pkcs8, identity.publicKey), box: await SealedBox.from(sealing) };
    pkcs8.fill(0);
    await checkPair(keys.box);
    return keys;
  } catch {
    // The cause may quote what it could not read.
    throw new CodedError('KEY_UNUSABLE', 'keys.json is damaged');
  }
}

/** The sealing key unseals what is sealed to its public half; the signing key was checked likewise. @throws CodedError SIGNATURE_INVALID */
async function checkPair(box: SealedBox): Promise<void> {
  const context = { headerSha256: '', step: 'key-check', from: '', to: '' };
  await box.unseal(await SealedBox.seal(box.publicKey, new Uint8Array(), context), context);
}
