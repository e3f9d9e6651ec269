import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { catalogue, isErrorCode } from '@koinon/contracts';
import { withDatabase } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { startRun, withFederation } from '../../testing/federation.fixture.js';
import { digest, recordsSchema, tinyModel, tinySpec } from '../../testing/tiny-federation.fixture.js';

const SECRET = 'patient-4711-cholesterol';

describe('an error of the API', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url, worker: false }), {
    alpha: {},
    beta: {},
    gamma: {},
  });

  const send = (method: string, path: string, body?: string | Uint8Array<ArrayBuffer>, type = 'application/json') =>
    fetch(new URL(path, federation.coordinator.url), {
      method,
      headers: {
        authorization: `Bearer ${federation.coordinator.operatorToken}`,
        ...(body === undefined ? {} : { 'content-type': type }),
      },
      ...(body === undefined ? {} : { body }),
    });

  /** A coded problem document that gives nothing away. */
  async function problem(
    response: Response,
    given = SECRET,
  ): Promise<{ status: number; code: string; issues?: { path: string }[] }> {
    const text = await response.text();
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const body = JSON.parse(text) as { code: string; status: number; title: string; issues?: { path: string }[] };
    expect(isErrorCode(body.code)).toBe(true);
    expect(body).toMatchObject({ status: response.status, title: catalogue[body.code as 'INTERNAL'][1] });
    expect(
      Object.keys(body).filter((k) => !['type', 'title', 'status', 'code', 'detail', 'issues'].includes(k)),
    ).toEqual([]);
    expect(text).not.toMatch(/\bat .*:\d+:\d+|node_modules|\.ts\b|\.js\b|\/(home|tmp|work|var|usr)\//);
    expect(text).not.toContain(federation.coordinator.home);
    expect(text).not.toContain(given);
    return body;
  }

  it.each([
    ['an unknown path', 'GET', `/v1/${SECRET}`, undefined, 404, 'NOT_FOUND'],
    ['an unknown path outside the API', 'GET', `/${SECRET}`, undefined, 404, 'NOT_FOUND'],
    ['a method nobody serves', 'DELETE', '/v1/runs', undefined, 404, 'NOT_FOUND'],
    ['an id that is none', 'GET', `/v1/runs/${SECRET}`, undefined, 400, 'REQUEST_INVALID'],
    ['a run that is not there', 'GET', '/v1/runs/6a9b1cb7-31a0-4fd2-8f0c-1a2b3c4d5e6f', undefined, 404, 'NOT_FOUND'],
    ['a model that is not there', 'GET', `/v1/models/${SECRET}`, undefined, 404, 'NOT_FOUND'],
    ['a version that is no number', 'GET', `/v1/models/tiny/versions/${SECRET}`, undefined, 400, 'REQUEST_INVALID'],
    [
      'a version no integer column holds',
      'GET',
      '/v1/models/tiny/versions/99999999999999',
      undefined,
      400,
      'REQUEST_INVALID',
    ],
    ['a name with a NUL', 'GET', '/v1/models/%00', undefined, 400, 'REQUEST_INVALID'],
    ['an escape that is none', 'GET', `/v1/models/%zz${SECRET}`, undefined, 400, 'REQUEST_INVALID'],
    ['a body that is no JSON', 'POST', '/v1/sites', `{"id": ${SECRET}`, 400, 'REQUEST_INVALID'],
    ['a body that is null', 'POST', '/v1/sites', 'null', 400, 'REQUEST_INVALID'],
    ['a body with a prototype', 'POST', '/v1/sites', `{"__proto__": {"id": "${SECRET}"}}`, 400, 'REQUEST_INVALID'],
    [
      'a body of other fields',
      'POST',
      '/v1/sites',
      JSON.stringify({ id: `${SECRET}!`, name: '' }),
      400,
      'REQUEST_INVALID',
    ],
    ['a text with a NUL', 'POST', '/v1/sites', JSON.stringify({ id: 'nul', name: 'a\0b' }), 400, 'REQUEST_INVALID'],
    [
      'half a surrogate pair',
      'POST',
      '/v1/sites',
      JSON.stringify({ id: 'half', name: 'a\ud800b' }),
      400,
      'REQUEST_INVALID',
    ],
    ['a page that is none', 'GET', `/v1/audit?after=${SECRET}`, undefined, 400, 'REQUEST_INVALID'],
    ['a page behind every number', 'GET', '/v1/audit?after=1e300', undefined, 400, 'REQUEST_INVALID'],
    ['a digest that is none', 'PUT', `/v1/blobs/${SECRET}`, 'x', 400, 'REQUEST_INVALID'],
  ])('answers %s with its code', async (_, method, path, body, status, code) => {
    expect(await problem(await send(method, path, body))).toMatchObject({ status, code });
  });

  it.each([
    ['bytes that are no HTTP', `${SECRET}\r\n\r\n`],
    ['a head that is too large', `GET /v1/runs HTTP/1.1\r\nx: ${SECRET.repeat(1000)}\r\n\r\n`],
  ])('answers %s', async (_, bytes) => {
    const { hostname, port } = new URL(federation.coordinator.url);
    const socket = connect(Number(port), hostname).setEncoding('utf8').end(bytes);
    const answer = (await socket.toArray()).join('');
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    const headers = Object.fromEntries(
      head
        .split('\r\n')
        .slice(1)
        .map((line) => line.split(': ') as [string, string]),
    );
    const status = Number(/^HTTP\/1\.1 (\d+) /.exec(head)?.[1]);
    expect(await problem(new Response(body, { status, headers }))).toMatchObject({
      status: 400,
      code: 'REQUEST_INVALID',
    });
  });

  it('answers a content type nobody reads', async () => {
    expect(await problem(await send('POST', '/v1/sites', '<a/>', 'application/xml'))).toMatchObject({
      status: 400,
      code: 'REQUEST_INVALID',
    });
  });

  it('names each field that is wrong and repeats no value', async () => {
    const spec = { ...tinySpec(), rounds: SECRET, local: { steps: SECRET } };
    const { issues } = await problem(
      await send(
        'POST',
        '/v1/runs',
        JSON.stringify({ spec, modelSha256: SECRET, recordsSchemaSha256: '0'.repeat(64) }),
      ),
    );
    expect(issues!.map((i) => i.path)).toEqual(
      expect.arrayContaining(['spec.rounds', 'spec.local.steps', 'spec.local.samplingRate', 'modelSha256']),
    );
  });

  it.each([
    ['a word of before', { features: 'f' }, 'spec.features', '`features` is now called `records`'],
    ['a task that nobody can do', { task: 'multiclass' }, 'spec.task', /^binary is the only task there is/],
  ])('names what is possible in place of %s', async (_, part, path, message) => {
    const spec = { ...tinySpec(), ...part };
    const run = { spec, modelSha256: digest(tinyModel()), recordsSchemaSha256: digest(recordsSchema) };
    const { status, code, issues } = await problem(await send('POST', '/v1/runs', JSON.stringify(run)));
    expect({ status, code, issues }).toEqual({
      status: 400,
      code: 'REQUEST_INVALID',
      issues: [{ path, message: expect.stringMatching(message) as string }],
    });
  });

  it('answers a body beyond the limit of JSON', async () => {
    expect(await problem(await send('POST', '/v1/sites', ' '.repeat(33 * 2 ** 20)))).toMatchObject({
      status: 413,
      code: 'BODY_TOO_LARGE',
    });
  });

  const start = (part: object) =>
    send(
      'POST',
      '/v1/runs',
      JSON.stringify({
        spec: tinySpec(),
        modelSha256: digest(tinyModel()),
        recordsSchemaSha256: digest(recordsSchema),
        ...part,
      }),
    );
  const put = (bytes: Uint8Array, sha256 = digest(bytes)) =>
    send('PUT', `/v1/blobs/${sha256}`, bytes as Uint8Array<ArrayBuffer>, 'application/octet-stream');

  it('answers a blob of another digest and keeps nothing of it', async () => {
    const sha256 = 'ab'.repeat(32);
    expect(await problem(await put(randomBytes(100), sha256))).toMatchObject({
      status: 400,
      code: 'BLOCK_DIGEST_MISMATCH',
    });
    expect(
      readdirSync(federation.coordinator.home, { recursive: true, encoding: 'utf8' }).filter(
        (f) => f.includes(sha256) || f.endsWith('.part'),
      ),
    ).toEqual([]);
  });

  it('answers a run without its files, with a file that is no model, and with weights that are not in it', async () => {
    expect(await problem(await start({ modelSha256: '1'.repeat(64) }))).toMatchObject({
      status: 404,
      code: 'BLOB_MISSING',
    });
    await put(tinyModel());
    expect(await problem(await start({ recordsSchemaSha256: '1'.repeat(64) }))).toMatchObject({ code: 'NOT_FOUND' });
    await put(recordsSchema);
    expect(await problem(await start({ modelSha256: digest(recordsSchema) }))).toMatchObject({
      status: 400,
      code: 'MODEL_INVALID',
    });
    const spec = tinySpec();
    expect(
      await problem(await start({ spec: { ...spec, model: { ...spec.model, trainable: ['nothing'] } } })),
    ).toMatchObject({ code: 'MODEL_INVALID' });
  });

  it('answers a strategy, a budget and a cohort that cannot be', async () => {
    const spec = tinySpec();
    expect(
      await problem(await start({ spec: { ...spec, strategy: { name: 'fedsomething', params: {} } } })),
    ).toMatchObject({ code: 'REQUEST_INVALID' });
    expect(
      await problem(
        await start({ spec: { ...spec, strategy: { name: 'fedavg', params: { serverLearningRate: -1 } } } }),
      ),
    ).toMatchObject({ code: 'REQUEST_INVALID' });
    const unreachable = { ...spec.privacy, epsilon: 0.01, accountant: 'rdp', recordCountNoise: 0.3 };
    expect(await problem(await start({ spec: { ...spec, privacy: unreachable } }))).toMatchObject({
      code: 'REQUEST_INVALID',
    });
    expect(await problem(await start({ spec: { ...spec, sites: { ...spec.sites, min: 9 } } }))).toMatchObject({
      status: 409,
      code: 'RUN_NOT_ENOUGH_SITES',
    });
    expect(await federation.coordinator.client.runs()).toEqual([]);
  });

  it('answers a model file that is damaged, and one that is gone, and gives out nothing of it', async () => {
    const model = tinyModel(4);
    await startRun(federation.coordinator, tinySpec({ name: 'gone' }), model);
    const file = await federation.coordinator.client.modelFile('gone', 1);
    expect(digest(file)).toBe(digest(model));
    const path = join(federation.coordinator.home, 'blobs', 'sha256', digest(model));
    file[60]! ^= 1;
    writeFileSync(path, file);
    expect(await problem(await send('GET', '/v1/models/gone/versions/1/file'))).toMatchObject({
      status: 500,
      code: 'BLOB_DAMAGED',
    });
    expect((await federation.site('alpha').link.request('GET', `/v1/site/blobs/${digest(model)}`)).status).toBe(500);
    rmSync(path);
    expect(await problem(await send('GET', '/v1/models/gone/versions/1/file'))).toMatchObject({
      status: 404,
      code: 'BLOB_MISSING',
    });
  });
});
