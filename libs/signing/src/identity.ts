/** A node proves, to whoever asks, that it holds the key whose fingerprint that one was given by the hospital. */
import {
  CodedError,
  identityProofSchema,
  type IdentityProof,
  PROTOCOL,
  parse,
  identityStatement,
} from '@koinon/contracts';
import { keyFingerprintOf, verifyStatement, signStatement, type Signer } from './dsse.js';

/** Answers a challenge: 32 random bytes in hex, so that no answer of before fits. @throws CodedError REQUEST_INVALID */
export async function proveIdentity(signer: Signer, site: string, challenge: string): Promise<IdentityProof> {
  const statement = parse(identityStatement.schema, { protocol: PROTOCOL, site, challenge });
  return { identityKey: signer.publicKey, proof: await signStatement(identityStatement.type, statement, signer) };
}

/** @throws CodedError SIGNATURE_INVALID unless the answer is this site's, under this key, to this challenge */
export async function checkIdentity(
  answer: unknown,
  expected: { readonly site: string; readonly keyFingerprint: string; readonly challenge: string },
): Promise<void> {
  const { success, data } = identityProofSchema.safeParse(answer);
  if (!success || (await keyFingerprintOf(data.identityKey)) !== expected.keyFingerprint)
    throw new CodedError('SIGNATURE_INVALID', `the node is not ${expected.site}’s: its key has another fingerprint`);
  const { site, challenge } = await verifyStatement(
    data.proof,
    identityStatement.type,
    identityStatement.schema,
    data.identityKey,
  );
  if (site !== expected.site || challenge !== expected.challenge)
    throw new CodedError(
      'SIGNATURE_INVALID',
      `the node answered for another site or another question than ${expected.site}’s`,
    );
}
