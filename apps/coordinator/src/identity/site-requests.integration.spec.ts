import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { PROTOCOL, requestStatement } from '@koinon/contracts';
import { signStatement } from '@koinon/signing';
import { withDatabase } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { withFederation } from '../testing/federation.fixture.js';
import { InProcessCoordinator } from '../testing/in-process.fixture.js';
import { SignedRequests, freshSigner, requestHeaders } from '../testing/signed-requests.fixture.js';
import { digest } from '../testing/tiny-federation.fixture.js';

const PATH = '/v1/site/assignments?waitMs=0';

describe('a signed site request', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url, worker: false }), { alpha: {}, beta: {} });
  const link = () => federation.site('alpha').link;
  const answer = async (response: Promise<Response>) => {
    const { status, headers } = await response;
    const body = (await (await response).json()) as { code?: string; detail?: string };
    if (status >= 400) expect(headers.get('content-type')).toContain('application/problem+json');
    return { status, code: body.code, ...(body.detail === undefined ? {} : { detail: body.detail }) };
  };
  const invalid = { status: 401, code: 'SIGNATURE_INVALID' };
  const expired = { status: 401, code: 'REQUEST_EXPIRED', detail: 'its nonce was used' };

  it('is taken', async () => {
    expect(await (await link().request('GET', PATH)).json()).toEqual({
      protocol: PROTOCOL,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      assignments: [],
      keyEpochs: [],
      runs: [],
    });
  });

  it('is refused from another key', async () => {
    expect(await answer(new SignedRequests(link().baseUrl, 'alpha', await freshSigner()).request('GET', PATH))).toEqual(
      invalid,
    );
  });

  it('is refused from a site in another site’s name', async () => {
    const beta = federation.site('beta').link;
    expect(await answer(beta.request('GET', PATH, undefined, { site: 'alpha' }))).toEqual(invalid);
    expect(await answer(beta.request('GET', PATH, undefined, { headers: { 'koinon-site': 'alpha' } }))).toEqual(
      invalid,
    );
    expect(
      await answer(beta.request('GET', PATH, undefined, { site: 'alpha', headers: { 'koinon-site': 'alpha' } })),
    ).toEqual(invalid);
  });

  it('is refused from a site that is only invited, or unknown', async () => {
    await federation.coordinator.client.invite('invited', 'Not yet');
    for (const site of ['invited', 'unknown'])
      expect(await answer(new SignedRequests(link().baseUrl, site, await freshSigner()).request('GET', PATH))).toEqual(
        invalid,
      );
  });

  it('is refused for another path, query or method than the one signed', async () => {
    expect(await answer(link().request('GET', PATH, undefined, { path: '/v1/site/assignments' }))).toEqual(invalid);
    expect(await answer(link().request('GET', PATH, undefined, { path: `${PATH}&waitMs=1` }))).toEqual(invalid);
    expect(await answer(link().request('GET', PATH, undefined, { method: 'POST' }))).toEqual(invalid);
  });

  it('is refused with another body than the one signed', async () => {
    const status = { requests: 3 };
    const response = link().request(
      'POST',
      '/v1/site/status',
      { json: status },
      { bodySha256: digest(Buffer.from('{"requests":4}')) },
    );
    expect(await answer(response)).toEqual(invalid);
    const [alpha] = await federation.coordinator.client.sites();
    expect(alpha!.status).toBeNull();
    expect((await link().request('POST', '/v1/site/status', { json: status })).status).toBe(204);
  });

  it.each([
    ['/v1/site/status', 32_768],
    ['/v1/site/refusals', 4096],
    ['/v1/site/sums/6a9b1cb7-31a0-4fd2-8f0c-1a2b3c4d5e6f/finish', 16_384],
  ])('is refused with a body beyond the limit of %s', async (path, limit) => {
    const padded = (bytes: number) => link().request('POST', path, { json: ' '.repeat(bytes - 2) });
    expect((await padded(limit)).status).toBe(400);
    expect(await answer(padded(limit + 1))).toEqual({ status: 413, code: 'BODY_TOO_LARGE' });
  });

  it('is refused with a body that was signed as none, whatever its content type says', async () => {
    for (const type of [
      'application/json',
      'application/octet-stream',
      'application/octet-stream; charset=x',
      'text/plain',
      'application/x-www-form-urlencoded',
    ]) {
      const response = await link().request(
        'POST',
        '/v1/site/status',
        { json: { requests: 9 } },
        { bodySha256: digest(Buffer.alloc(0)), headers: { 'content-type': type } },
      );
      expect({ type, refused: response.status >= 400 && response.status < 500 }).toEqual({ type, refused: true });
    }
    expect((await federation.coordinator.client.sites())[0]!.status?.requests).not.toBe(9);
  });

  it('is taken once: the same bytes again are refused', async () => {
    const statement = {
      protocol: PROTOCOL,
      site: 'alpha',
      method: 'GET',
      path: PATH,
      bodySha256: digest(Buffer.alloc(0)),
      createdAt: Date.now(),
      nonce: randomUUID(),
    };
    const headers = requestHeaders('alpha', await signStatement(requestStatement.type, statement, link().signer));
    const send = () => fetch(new URL(PATH, link().baseUrl), { headers });
    expect((await send()).status).toBe(200);
    expect(await answer(send())).toEqual(expired);
    expect(await answer(link().request('GET', PATH, undefined, { nonce: statement.nonce }))).toEqual(expired);
  });

  it('lets another site use the same nonce', async () => {
    const nonce = randomUUID();
    expect((await link().request('GET', PATH, undefined, { nonce })).status).toBe(200);
    expect((await federation.site('beta').link.request('GET', PATH, undefined, { nonce })).status).toBe(200);
  });

  it.each([
    ['behind', -1_000_000, /^the caller's clock is 10\d\d s behind the coordinator's$/],
    ['ahead', 1_000_000, /^the caller's clock is (1000|9\d\d) s ahead of the coordinator's$/],
  ])('is refused from a clock that is %s, by how much', async (_, skew, detail) => {
    const refused = await answer(link().request('GET', PATH, undefined, { createdAt: Date.now() + skew }));
    expect(refused).toEqual({ ...expired, detail: expect.stringMatching(detail) as string });
  });

  it.each([
    ['long ago', -121_000],
    ['far ahead', 125_000],
  ])('is refused when it was signed %s', async (_, skew) => {
    expect(await answer(link().request('GET', PATH, undefined, { createdAt: Date.now() + skew }))).toMatchObject({
      status: 401,
      code: 'REQUEST_EXPIRED',
    });
  });

  it('is taken once by all replicas together, and not again after a restart', async () => {
    const { home } = federation.coordinator.foundations.config;
    const replica = () => InProcessCoordinator.start({ databaseUrl: database.url, home: dirname(home), worker: false });
    const signed = async () => {
      const statement = {
        protocol: PROTOCOL,
        site: 'alpha',
        method: 'GET',
        path: PATH,
        bodySha256: digest(Buffer.alloc(0)),
        createdAt: Date.now(),
        nonce: randomUUID(),
      };
      const headers = requestHeaders('alpha', await signStatement(requestStatement.type, statement, link().signer));
      return (baseUrl: string) => fetch(new URL(PATH, baseUrl), { headers });
    };
    const [first, second, raced] = [await signed(), await signed(), await signed()];
    const before = await replica();
    expect((await first(link().baseUrl)).status).toBe(200);
    expect(await answer(first(before.url))).toEqual(expired);
    expect((await second(before.url)).status).toBe(200);
    expect(await answer(second(link().baseUrl))).toEqual(expired);
    const race = await Promise.all([raced(before.url), raced(link().baseUrl), raced(before.url)]);
    expect(race.map((r) => r.status).toSorted((a, b) => a - b)).toEqual([200, 401, 401]);
    await before[Symbol.asyncDispose]();
    await using after = await replica();
    for (const replay of [first, second, raced]) expect(await answer(replay(after.url))).toEqual(expired);
  });

  it('leaves no nonce behind for longer than a replay could pass', async () => {
    const { coordinator } = federation;
    await coordinator.query("UPDATE request_nonces SET kept_until = now() - interval '1 second'");
    // A fresh process sweeps with its first request.
    await using replica = await InProcessCoordinator.start({
      databaseUrl: database.url,
      home: dirname(coordinator.home),
      worker: false,
    });
    expect((await new SignedRequests(replica.url, 'alpha', link().signer).request('GET', PATH)).status).toBe(200);
    expect(await coordinator.query('SELECT site FROM request_nonces')).toEqual([{ site: 'alpha' }]);
  });

  it.each([
    ['a minute ago', -60_000],
    ['a minute ahead', 60_000],
  ])('is taken when it was signed %s: clocks differ', async (_, skew) => {
    expect((await link().request('GET', PATH, undefined, { createdAt: Date.now() + skew })).status).toBe(200);
  });

  it.each([
    ['no base64', '%%%'],
    ['no JSON', Buffer.from('{').toString('base64')],
    ['no envelope', Buffer.from('{}').toString('base64')],
    ['too long', 'A'.repeat(9000)],
    [
      'base64 that is not canonical inside',
      Buffer.from(
        JSON.stringify({
          payloadType: requestStatement.type,
          payload: 'QR==',
          signatures: [{ keyid: 'k', sig: 'QR==' }],
        }),
      ).toString('base64'),
    ],
  ])('is refused when its header is %s', async (_, header) => {
    const response = await fetch(new URL(PATH, link().baseUrl), {
      headers: { 'koinon-site': 'alpha', 'koinon-request': header },
    });
    expect(response.status).toBe(401);
  });

  it.each([
    ['1.0', 'the node speaks protocol 1, the coordinator 2: update the node'],
    ['3.1', 'the node speaks protocol 3, the coordinator 2: update the coordinator'],
  ])('is refused in protocol %s, whatever else it says, with the side to update', async (protocol, detail) => {
    const refused = await answer(link().request('GET', PATH, undefined, { protocol, method: undefined as never }));
    expect(refused).toMatchObject({ status: 426, code: 'PROTOCOL_DIFFERS', detail });
  });

  it('is refused in a protocol that is no version', async () => {
    expect(await answer(link().request('GET', PATH, undefined, { protocol: 'two' }))).toMatchObject({
      status: 400,
      code: 'REQUEST_INVALID',
    });
  });
});
