import { withDatabase } from '@koinon/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InProcessCoordinator } from '../testing/in-process.fixture.js';
import { SignedRequests, freshSigner } from '../testing/signed-requests.fixture.js';
import type { Access } from '@koinon/contracts';

interface Route {
  readonly method: string;
  readonly path: string;
  readonly access?: Access | undefined;
  readonly bodyLimit?: number | undefined;
}

const OPEN = new Set([
  'GET /v1/health/live',
  'GET /v1/health/ready',
  'GET /v1/openapi.json',
  'HEAD /v1/health/live',
  'HEAD /v1/health/ready',
  'HEAD /v1/openapi.json',
  'POST /v1/enrol',
]);
/** What a viewer may read; everything else asks for more. */
const VIEWER = new Set(
  [
    '/v1/audit',
    '/v1/audit/verify',
    '/v1/events',
    '/v1/models',
    '/v1/models/:model',
    '/v1/models/:model/versions/:version',
    '/v1/models/:model/versions/:version/file',
    '/v1/runs',
    '/v1/runs/:runId',
    '/v1/sites',
  ].flatMap((path) => [`GET ${path}`, `HEAD ${path}`]),
);

const values: Record<string, string> = {
  runId: '6a9b1cb7-31a0-4fd2-8f0c-1a2b3c4d5e6f',
  sumId: '6a9b1cb7-31a0-4fd2-8f0c-1a2b3c4d5e6f',
  keyEpochId: '6a9b1cb7-31a0-4fd2-8f0c-1a2b3c4d5e6f',
  sha256: '0'.repeat(64),
  index: '0',
  version: '1',
  model: 'demo',
};

describe('every route of the HTTP app', () => {
  const database = withDatabase();
  const routes: Route[] = [];
  let coordinator: InProcessCoordinator;

  beforeAll(async () => {
    coordinator = await InProcessCoordinator.start({
      databaseUrl: database.url,
      worker: false,
      prepare: (app) =>
        app
          .getHttpAdapter()
          .getInstance()
          .addHook('onRoute', ({ method, url, config, bodyLimit }) => {
            for (const m of [method].flat())
              routes.push({ method: m, path: url, access: config?.route?.access, bodyLimit });
          }),
    });
  });
  afterAll(() => coordinator[Symbol.asyncDispose]());

  const call = ({ method, path }: Route, headers: Record<string, string> = {}) =>
    fetch(
      new URL(
        path.replaceAll(/:(\w+)/g, (_, name: string) => values[name] ?? 'x'),
        coordinator.url,
      ),
      { method, headers },
    );
  const key = ({ method, path }: Route) => `${method} ${path}`;
  const closed = () => routes.filter((r) => !OPEN.has(key(r)) && r.path.startsWith('/v1'));

  it('is known to this test', () => {
    const printed = coordinator.app.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false });
    for (const path of ['blobs', 'finish', 'openings', 'refusals', 'events', 'cancel', 'verify', 'file'])
      expect(printed).toContain(path);
    expect(routes.filter((r) => r.method !== 'HEAD' && r.path.startsWith('/v1')).length).toBeGreaterThan(25);
    expect(routes.filter((r) => !r.path.startsWith('/v1')).map(key)).toEqual([]);
  });

  it('says of each who may call it and how large its body may be', () => {
    expect(
      routes.filter(
        ({ access, bodyLimit }) => access === undefined || bodyLimit === undefined || bodyLimit > 32 * 2 ** 20,
      ),
    ).toEqual([]);
    expect(
      routes
        .filter((r) => r.access === 'anyone')
        .map(key)
        .toSorted(),
    ).toEqual([...OPEN].toSorted());
  });

  it('denies a caller without credentials', async () => {
    for (const route of closed()) {
      const { status } = await call(route);
      expect({ route: key(route), status }).toEqual({ route: key(route), status: 401 });
    }
  });

  it.each([
    ['a made-up token', { authorization: `Bearer ${'x'.repeat(43)}` }],
    ['an empty token', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: 'Basic b3BlcmF0b3I6b3BlcmF0b3I=' }],
    ['a site header without a signature', { 'koinon-site': 'alpha', 'koinon-request': 'e30=' }],
  ])('denies %s', async (_, headers) => {
    for (const route of closed()) {
      const { status } = await call(route, headers);
      expect({ route: key(route), status }).toEqual({ route: key(route), status: 401 });
    }
  });

  it('denies a viewer everything but reading', async () => {
    for (const route of closed().filter((r) => !VIEWER.has(key(r)))) {
      const { status } = await call(route, { authorization: `Bearer ${coordinator.viewerToken}` });
      expect({ route: key(route), denied: status === 401 || status === 403 }).toEqual({
        route: key(route),
        denied: true,
      });
    }
  });

  it('denies an operator what only sites may do', async () => {
    for (const route of closed().filter((r) => r.path.startsWith('/v1/site/'))) {
      const { status } = await call(route, { authorization: `Bearer ${coordinator.operatorToken}` });
      expect({ route: key(route), status }).toEqual({ route: key(route), status: 401 });
    }
  });

  it('denies a site that nobody invited', async () => {
    const link = new SignedRequests(coordinator.url, 'stranger', await freshSigner());
    for (const { method, path } of closed().filter((r) => r.method === 'GET')) {
      const response = await link.request(
        'GET',
        path.replaceAll(/:(\w+)/g, (_, name: string) => values[name] ?? 'x'),
      );
      expect({ method, path, status: response.status }).toEqual({ method, path, status: 401 });
    }
  });

  it('lets a viewer read', async () => {
    for (const path of ['/v1/sites', '/v1/runs', '/v1/models', '/v1/audit', '/v1/audit/verify']) {
      expect((await call({ method: 'GET', path }, { authorization: `Bearer ${coordinator.viewerToken}` })).status).toBe(
        200,
      );
    }
  });

  it('is open where it must be', async () => {
    expect(await (await call({ method: 'GET', path: '/v1/health/live' })).json()).toEqual({ live: true });
    expect(await (await call({ method: 'GET', path: '/v1/health/ready' })).json()).toEqual({ ready: true });
    expect((await call({ method: 'POST', path: '/v1/enrol' })).status).toBe(400);
  });
});
