import { describe, expect, it } from 'vitest';
import { sha256Hex } from '@koinon/signing';
import { KoinonClient } from './client.js';
import { CodedError, toWire } from '@koinon/contracts';

const TOKEN = 'token-of-an-operator-0123456789';

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

/** A client over a server that gives one answer, and what it was asked. */
function clientOf(answer: () => Response | Promise<Response>): { client: KoinonClient; sent: Sent[] } {
  const sent: Sent[] = [];
  const fetcher = ((url: URL, init: RequestInit) => {
    sent.push({ url: url.href, init });
    return Promise.resolve().then(answer);
  }) as typeof fetch;
  return { client: new KoinonClient('http://127.0.0.1:1', TOKEN, fetcher), sent };
}

const json = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } });
const failure = async (work: Promise<unknown>): Promise<CodedError> =>
  work.then(
    () => expect.unreachable(),
    (error: CodedError) => error,
  );

describe('the client', () => {
  it('sends its token and escapes what becomes part of a path', async () => {
    const { client, sent } = clientOf(() => json([]));
    await client.sites();
    expect(sent[0]).toMatchObject({
      url: 'http://127.0.0.1:1/v1/sites',
      init: { headers: { authorization: `Bearer ${TOKEN}` } },
    });
    await failure(client.model('../runs?x#y'));
    expect(sent[1]!.url).toBe('http://127.0.0.1:1/v1/models/..%2Fruns%3Fx%23y');
  });

  it('gives the coded error of a problem document', async () => {
    const problem = toWire(new CodedError('REQUEST_INVALID', 'why', [{ path: 'spec.rounds', message: 'too many' }]));
    const error = await failure(clientOf(() => json(problem, 400)).client.runs());
    expect(error).toBeInstanceOf(CodedError);
    expect(error).toMatchObject({
      code: 'REQUEST_INVALID',
      detail: 'why',
      issues: [{ path: 'spec.rounds', message: 'too many' }],
    });
  });

  it.each([
    ['an HTML page', () => new Response('<html>bad gateway</html>', { status: 502 })],
    ['a code of another program', () => json({ code: 'E_OTHER' }, 500)],
    ['the name of a method as code', () => json({ code: 'toString' }, 500)],
    ['null', () => json(null, 500)],
    ['a list', () => json([], 500)],
    ['a number', () => json(3, 500)],
  ])('takes it for no answer of the coordinator’s, and gives its status: %s', async (_, answer) => {
    const error = await failure(clientOf(answer).client.runs());
    expect(error).toMatchObject({ code: 'COORDINATOR_UNREACHABLE', issues: [] });
    expect(error.detail).toMatch(/^HTTP 50[02] that is not/);
  });

  it('says that the coordinator is unreachable and names nothing but its URL', async () => {
    const error = await failure(
      clientOf(() => Promise.reject(new TypeError(`connect ECONNREFUSED ${TOKEN}`))).client.runs(),
    );
    expect(error.code).toBe('COORDINATOR_UNREACHABLE');
    expect(`${error.message} ${error.detail}`).not.toContain(TOKEN);
  });

  it.each([
    ['the page of a portal', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    [
      'an answer that breaks off',
      () =>
        new Response(new ReadableStream({ pull: (stream) => stream.error(new TypeError('terminated')) }), {
          headers: { 'content-type': 'application/json' },
        }),
    ],
  ])('calls the coordinator unreachable for %s', async (_, answer) => {
    expect(await failure(clientOf(answer).client.runs())).toMatchObject({ code: 'COORDINATOR_UNREACHABLE' });
  });

  it('lets an abort through as an abort', async () => {
    const aborted = new DOMException('stop', 'AbortError');
    expect(await failure(clientOf(() => Promise.reject(aborted)).client.events())).toBe(aborted);
  });

  it('checks what the coordinator answers', async () => {
    const error = await failure(clientOf(() => json([{ id: 'a' }])).client.sites());
    expect(error.code).toBe('REQUEST_INVALID');
    expect(error.issues.length).toBeGreaterThan(0);
  });

  it('gives out the file of a version only when it has the digest of that version', async () => {
    const file = Uint8Array.of(1, 2, 3);
    const lineage = {
      model: 'm',
      version: 1,
      baseVersion: null,
      runId: null,
      round: null,
      cohort: [],
      exclusions: [],
      strategy: null,
      local: null,
      privacy: null,
      encryption: null,
      recordsSchemaSha256: null,
      code: { version: '0.1.0', lockfileSha256: null },
    };
    const version = {
      model: 'm',
      version: 1,
      sha256: await sha256Hex(file),
      bytes: 3,
      createdAt: new Date(0).toISOString(),
      baseVersion: null,
      runId: null,
      round: null,
      aliases: [],
      metrics: null,
      servedBy: [],
      lineage,
      statement: { payloadType: 't', payload: 'AA==', signatures: [{ keyid: 'ab'.repeat(32), sig: 'AA==' }] },
    };
    const answering = (bytes: Uint8Array<ArrayBuffer>) => {
      const answers = [json(version), new Response(bytes, { headers: { 'content-type': 'application/octet-stream' } })];
      return clientOf(() => answers.shift()!).client.modelFile('m', 1);
    };
    expect(await answering(file)).toEqual(file);
    for (const other of [Uint8Array.of(1, 2, 2), Uint8Array.of(1, 2), Uint8Array.of()])
      expect(await failure(answering(other))).toMatchObject({ code: 'BLOB_DAMAGED' });
  });

  it('sends a blob as bytes', async () => {
    const { client, sent } = clientOf(() => new Response(null, { status: 204 }));
    await client.putBlob('ab', Uint8Array.of(1, 2));
    expect(sent[0]).toMatchObject({
      url: 'http://127.0.0.1:1/v1/blobs/ab',
      init: { method: 'PUT', body: Uint8Array.of(1, 2), headers: { 'content-type': 'application/octet-stream' } },
    });
  });
});
