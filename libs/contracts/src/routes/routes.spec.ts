import { describe, expect, it } from 'vitest';
import { requestStatement } from '../statements.js';
import { errorsOf } from './errors-of.js';
import { routes } from './index.js';
import { requestOf } from './request.js';
import type { Route } from './route.js';

const table = Object.entries(routes) as [string, Route][];

describe('the route table', () => {
  it.each(table)('%s is whole', (_, { method, path, access, params, body, status, answer, summary, errors }) => {
    expect(path.match(/(?<=:)\w+/g) ?? []).toEqual(Object.keys(params.shape));
    expect(path.startsWith('/v1/site/')).toBe(access === 'site');
    expect(method === 'GET').toBe(body === null && !path.endsWith('/cancel'));
    expect(status === 204).toBe(answer === null);
    expect(summary).toMatch(/^[A-Z].*\.$/);
    expect(new Set(errors).size).toBe(errors.length);
  });

  it('has each method of a path once, and no path that another one hides', () => {
    const shapes = table.map(([, { method, path }]) => `${method} ${path.replaceAll(/:\w+/g, '*')}`);
    expect(new Set(shapes).size).toBe(shapes.length);
  });

  it('asks what a site may sign', () => {
    const ofSites = table.filter(([, { access }]) => access === 'site');
    expect(ofSites.length).toBeGreaterThan(10);
    for (const [, { method }] of ofSites)
      expect(requestStatement.schema.shape.method.safeParse(method).success).toBe(true);
  });

  it('names the codes of who may not ask', () => {
    expect(errorsOf(routes.live)).toEqual(['REQUEST_INVALID', 'DATABASE_UNREACHABLE', 'INTERNAL']);
    expect(errorsOf(routes.refuse)).toEqual([
      'REQUEST_INVALID',
      'DATABASE_UNREACHABLE',
      'INTERNAL',
      'BODY_TOO_LARGE',
      'UNAUTHENTICATED',
      'SIGNATURE_INVALID',
      'PROTOCOL_DIFFERS',
      'REQUEST_EXPIRED',
      'NOT_FOUND',
    ]);
    expect(errorsOf(routes.cancelRun)).toEqual(
      expect.arrayContaining(['UNAUTHENTICATED', 'FORBIDDEN', 'RUN_FINISHED']),
    );
  });
});

describe('a number in a URL', () => {
  const read = (version: string) => routes.version.params.safeParse({ model: 'm', version }).data?.version;

  it('is written in digits', () => {
    expect([read('1'), read('0042'), read('2147483647')]).toEqual([1, 42, 2147483647]);
    for (const other of ['', ' 1', '1.0', '1e3', '0x1', '-1', '+1', '0', '2147483648', '9'.repeat(40), 'NaN', '١'])
      expect([other, read(other)]).toEqual([other, undefined]);
  });

  it('has its default where it is left out', () => {
    expect(routes.auditEntries.query.parse({})).toEqual({ after: 0, limit: 100 });
    expect(routes.auditEntries.query.parse({ after: '7' })).toEqual({ after: 7, limit: 100 });
    expect(routes.auditEntries.query.safeParse({ limit: '501' }).success).toBe(false);
  });
});

describe('requestOf', () => {
  it('writes path, query and body as the route says', () => {
    expect(requestOf(routes.auditEntries, { query: { limit: 3 } })).toEqual({
      method: 'GET',
      path: '/v1/audit?limit=3',
      headers: { accept: 'application/json' },
    });
    expect(requestOf(routes.events)).toEqual({
      method: 'GET',
      path: '/v1/events',
      headers: { accept: 'text/event-stream' },
    });
    const { body, ...invite } = requestOf(routes.inviteSite, { body: { id: 'alpha', name: 'Höspital' } });
    expect(invite).toEqual({
      method: 'POST',
      path: '/v1/sites',
      headers: { accept: 'application/json', 'content-type': 'application/json' },
    });
    expect(new TextDecoder().decode(body)).toBe('{"id":"alpha","name":"Höspital"}');
    const bytes = Uint8Array.of(1, 2);
    expect(requestOf(routes.putBlob, { params: { sha256: 'ab' }, body: bytes })).toEqual({
      method: 'PUT',
      path: '/v1/blobs/ab',
      headers: { 'content-type': 'application/octet-stream' },
      body: bytes,
    });
  });

  it('escapes what becomes part of a path or of a query', () => {
    expect(requestOf(routes.version, { params: { model: '../runs?x#y', version: 1 } }).path).toBe(
      '/v1/models/..%2Fruns%3Fx%23y/versions/1',
    );
    expect(requestOf(routes.ceremonyInbox, { params: { keyEpochId: 'e' }, query: { step: 'a&b=c' } }).path).toBe(
      '/v1/site/key-epochs/e/inbox?step=a%26b%3Dc',
    );
  });

  it('takes what the route has and nothing else', () => {
    // @ts-expect-error a version has a number
    requestOf(routes.version, { params: { model: 'm' } });
    // @ts-expect-error a route with a body is given one
    expect(() => requestOf(routes.inviteSite)).not.toThrow();
    // @ts-expect-error no body where the route has none
    requestOf(routes.sites, { body: {} });
    // @ts-expect-error no query of another route
    requestOf(routes.auditEntries, { query: { waitMs: 1 } });
  });
});
