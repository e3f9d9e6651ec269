import { checkIdentity, generateSigningKey, signerFrom } from '@koinon/signing';
import { type IdentityProof } from '@koinon/contracts';
import Fastify from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { addIdentityRoute } from './identity.route.js';

it('the node signs a challenge with its identity key, and nothing that is none', async () => {
  const { pkcs8, publicKey } = await generateSigningKey();
  const signer = await signerFrom(pkcs8, publicKey);
  const app = Fastify();
  onTestFinished(() => app.close());
  addIdentityRoute(app, 'va', signer);
  const ask = (challenge: string) => app.inject(`/v2/identity?challenge=${challenge}`);
  const challenge = 'c4'.repeat(32);
  const answer = (await ask(challenge)).json<IdentityProof>();
  await checkIdentity(answer, { site: 'va', keyFingerprint: signer.keyFingerprint, challenge });
  const refused = { code: 'SIGNATURE_INVALID' };
  await expect(checkIdentity(answer, { site: 'va', keyFingerprint: 'ab'.repeat(32), challenge })).rejects.toMatchObject(
    refused,
  );
  await expect(
    checkIdentity(answer, { site: 'cleveland', keyFingerprint: signer.keyFingerprint, challenge }),
  ).rejects.toMatchObject(refused);
  await expect(
    checkIdentity(answer, { site: 'va', keyFingerprint: signer.keyFingerprint, challenge: 'c5'.repeat(32) }),
  ).rejects.toMatchObject(refused);
  const altered = { ...answer, proof: { ...answer.proof, payloadType: 'application/vnd.koinon.request.v1+json' } };
  await expect(
    checkIdentity(altered, { site: 'va', keyFingerprint: signer.keyFingerprint, challenge }),
  ).rejects.toMatchObject(refused);
  expect([(await ask('')).statusCode, (await ask('c4')).statusCode, (await ask(`${challenge}00`)).statusCode]).toEqual([
    400, 400, 400,
  ]);
});
