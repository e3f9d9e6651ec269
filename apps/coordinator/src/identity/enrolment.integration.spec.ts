import { randomBytes } from 'node:crypto';
import { createHash } from 'node:crypto';
import { fromBase64, signStatement, toBase64 } from '@koinon/signing';
import { PROTOCOL, enrolmentStatement, type Envelope } from '@koinon/contracts';
import { withDatabase, until } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { withFederation } from '../testing/federation.fixture.js';
import { SignedRequests, enrolmentOf, freshSigner } from '../testing/signed-requests.fixture.js';

describe('enrolment', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url, worker: false }), {});
  const sealingKey = randomBytes(32).toString('base64');
  const invite = (site: string) => federation.coordinator.client.invite(site, `Hospital ${site}`);
  const post = async (body: unknown) => {
    const response = await fetch(new URL('/v1/enrol', federation.coordinator.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const denied = { status: 403, body: { code: 'ENROLMENT_TOKEN_INVALID' } };

  it('registers the keys a node made and gives the coordinator’s, which the fingerprint pins', async () => {
    const { token, coordinatorKeyFingerprint } = await invite('first');
    const signer = await freshSigner();
    const { status, body } = await post(await enrolmentOf('first', token, signer, sealingKey));
    expect(status).toBe(201);
    const coordinatorKey = fromBase64(body['coordinatorKey'] as string);
    expect(createHash('sha256').update(coordinatorKey).digest('hex')).toBe(coordinatorKeyFingerprint);
    const site = (await federation.coordinator.client.sites()).find((s) => s.id === 'first')!;
    expect(site).toMatchObject({ state: 'enrolled', keyFingerprint: signer.keyFingerprint });
    expect(
      (await new SignedRequests(federation.coordinator.url, 'first', signer).request('GET', '/v1/site/assignments'))
        .status,
    ).toBe(200);
  });

  it('takes a token once', async () => {
    const { token } = await invite('once');
    expect((await post(await enrolmentOf('once', token, await freshSigner(), sealingKey))).status).toBe(201);
    expect(await post(await enrolmentOf('once', token, await freshSigner(), sealingKey))).toMatchObject(denied);
    await expect(invite('once')).rejects.toMatchObject({ code: 'SITE_EXISTS' });
  });

  it('takes it once even when two nodes come at the same moment', async () => {
    const { token } = await invite('race');
    const bodies = await Promise.all(
      Array.from({ length: 4 }, async () => enrolmentOf('race', token, await freshSigner(), sealingKey)),
    );
    const statuses = (await Promise.all(bodies.map(post))).map((r) => r.status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([201, 403, 403, 403]);
  });

  it('is not undone by an invitation that comes at the same moment', async () => {
    await invite('enrolling');
    const node = federation.coordinator.foundations.database.createQueryRunner();
    try {
      await node.startTransaction();
      await node.query("UPDATE sites SET state = 'enrolled' WHERE id = 'enrolling'");
      const again = invite('enrolling').catch((error: unknown) => error);
      await until(
        'the invitation to wait for the enrolment',
        async () =>
          (
            await federation.coordinator.query(
              `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%"sites"%'`,
            )
          ).length > 0,
      );
      await node.commitTransaction();
      expect(await again).toMatchObject({ code: 'SITE_EXISTS' });
    } finally {
      await node.release();
    }
    expect(await federation.coordinator.query("SELECT state FROM sites WHERE id = 'enrolling'")).toEqual([
      { state: 'enrolled' },
    ]);
  });

  it('takes no made-up token, no token of another site and none for a site nobody invited', async () => {
    const { token } = await invite('target');
    const { token: foreign } = await invite('neighbour');
    expect(await post(await enrolmentOf('target', 'x'.repeat(43), await freshSigner(), sealingKey))).toMatchObject(
      denied,
    );
    expect(await post(await enrolmentOf('target', foreign, await freshSigner(), sealingKey))).toMatchObject(denied);
    expect(await post(await enrolmentOf('nobody', token, await freshSigner(), sealingKey))).toMatchObject(denied);
    const site = (await federation.coordinator.client.sites()).find((s) => s.id === 'target')!;
    expect(site).toMatchObject({ state: 'invited', keyFingerprint: null });
  });

  it('takes no expired token, and a new invitation replaces the old token', async () => {
    const { token: old } = await invite('late');
    await federation.coordinator.query(
      "UPDATE sites SET token_expires_at = now() - interval '1 second' WHERE id = 'late'",
    );
    expect(await post(await enrolmentOf('late', old, await freshSigner(), sealingKey))).toMatchObject(denied);
    const { token } = await invite('late');
    expect(await post(await enrolmentOf('late', old, await freshSigner(), sealingKey))).toMatchObject(denied);
    expect((await post(await enrolmentOf('late', token, await freshSigner(), sealingKey))).status).toBe(201);
  });

  it('takes no keys without proof of possession', async () => {
    const { token } = await invite('proof');
    const [mine, other] = [await freshSigner(), await freshSigner()];
    const { statement } = await enrolmentOf('proof', token, { ...mine, publicKey: other.publicKey }, sealingKey);
    expect(await post({ token, statement })).toMatchObject({ status: 401, body: { code: 'SIGNATURE_INVALID' } });
  });

  it('takes no token that was signed for another one', async () => {
    const { token } = await invite('swap');
    const { statement } = await enrolmentOf('swap', 'y'.repeat(43), await freshSigner(), sealingKey);
    expect(await post({ token, statement })).toMatchObject(denied);
  });

  it('keeps no token, only its digest', async () => {
    const { token } = await invite('digest');
    const rows = await federation.coordinator.query('SELECT * FROM sites UNION ALL SELECT * FROM sites');
    expect(JSON.stringify(rows)).not.toContain(token);
    expect(JSON.stringify(await federation.coordinator.query('SELECT * FROM audit_log'))).not.toContain(token);
  });

  it.each<[string, (envelope: Envelope) => unknown]>([
    ['a payload that is no JSON', (e) => ({ ...e, payload: toBase64(Buffer.from('{')) })],
    ['a payload that is no canonical base64', (e) => ({ ...e, payload: 'QR==' })],
    ['a payload that is no enrolment', (e) => ({ ...e, payload: toBase64(Buffer.from('{}')) })],
    ['a payload that is null', (e) => ({ ...e, payload: toBase64(Buffer.from('null')) })],
    ['no signature', (e) => ({ ...e, signatures: [] })],
    ['a signature of one byte', (e) => ({ ...e, signatures: [{ keyid: 'k', sig: 'QQ==' }] })],
  ])('answers with a code to %s', async (_, spoil) => {
    const { statement } = await enrolmentOf('spoilt', 'x'.repeat(43), await freshSigner(), sealingKey);
    const { status, body } = await post({ token: 'x'.repeat(43), statement: spoil(statement) });
    expect(status).toBeLessThan(500);
    expect(['REQUEST_INVALID', 'SIGNATURE_INVALID']).toContain(body['code']);
  });

  it.each([
    ['1.0', 'node'],
    ['3.0', 'coordinator'],
  ])('is refused in protocol %s, and the token stays good', async (protocol, side) => {
    const { token } = await invite('other-protocol');
    const signer = await freshSigner();
    const enrolment = {
      site: 'other-protocol',
      identityKey: signer.publicKey,
      sealingKey,
      tokenSha256: createHash('sha256').update(token).digest('hex'),
    };
    const refused = await post({
      token,
      statement: await signStatement(enrolmentStatement.type, { ...enrolment, protocol, ofAnotherForm: 1 }, signer),
    });
    expect(refused).toMatchObject({
      status: 426,
      body: { code: 'PROTOCOL_DIFFERS', detail: expect.stringMatching(new RegExp(`: update the ${side}$`)) as string },
    });
    const now = await signStatement(enrolmentStatement.type, { ...enrolment, protocol: PROTOCOL }, signer);
    if (side === 'coordinator')
      expect(await post({ token, statement: now })).toMatchObject({ status: 201, body: { protocol: PROTOCOL } });
  });

  it('answers with a code to an identity key that is none', async () => {
    const { token } = await invite('badkey');
    const signer = await freshSigner();
    const statement = {
      protocol: PROTOCOL,
      site: 'badkey',
      identityKey: toBase64(new Uint8Array(33)),
      sealingKey,
      tokenSha256: '0'.repeat(64),
    };
    const envelope = await signStatement('application/vnd.koinon.enrolment.v1+json', statement, signer);
    expect(await post({ token, statement: envelope })).toMatchObject({
      status: 401,
      body: { code: 'SIGNATURE_INVALID' },
    });
  });
});
