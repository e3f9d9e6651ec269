import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { withDatabase, until } from '@koinon/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Access } from '@koinon/contracts';
import { InProcessCoordinator } from '../../testing/in-process.fixture.js';
import { RecordlessSite } from '../../testing/recordless-site.fixture.js';
import { enrolmentOf, freshSigner } from '../../testing/signed-requests.fixture.js';

/** A way to a server that can be cut and mended. */
class Passage {
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private port = 0;

  constructor(private readonly target: URL) {}

  /** @returns the URL of the near end, the same each time */
  async open(): Promise<string> {
    this.server = createServer((near) => {
      const far = connect(Number(this.target.port), this.target.hostname);
      for (const [a, b] of [
        [near, far],
        [far, near],
      ] as const) {
        this.sockets.add(a);
        a.on('error', () => undefined)
          .on('close', () => b.destroy())
          .pipe(b);
      }
    });
    await once(this.server.listen(this.port, '127.0.0.1'), 'listening');
    this.port = (this.server.address() as AddressInfo).port;
    const url = new URL(this.target);
    url.host = `127.0.0.1:${this.port}`;
    return url.href;
  }

  async cut(): Promise<void> {
    const closed = once(this.server!, 'close');
    this.server!.close();
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
    await closed;
  }
}

const values: Record<string, string> = {
  runId: '6a9b1cb7-31a0-4fd2-8f0c-1a2b3c4d5e6f',
  sumId: '6a9b1cb7-31a0-4fd2-8f0c-1a2b3c4d5e6f',
  keyEpochId: '6a9b1cb7-31a0-4fd2-8f0c-1a2b3c4d5e6f',
  sha256: '0'.repeat(64),
  index: '0',
  version: '1',
  model: 'demo',
};

describe('while the database is away', () => {
  const database = withDatabase();
  const routes: { method: string; path: string; access: Access }[] = [];
  let passage: Passage;
  let coordinator: InProcessCoordinator;
  let site: RecordlessSite;

  beforeAll(async () => {
    passage = new Passage(new URL(database.url));
    coordinator = await InProcessCoordinator.start({
      databaseUrl: await passage.open(),
      worker: false,
      prepare: (app) =>
        app
          .getHttpAdapter()
          .getInstance()
          .addHook('onRoute', ({ method, url, config }) => {
            for (const m of [method].flat())
              if (m !== 'HEAD') routes.push({ method: m, path: url, access: config!.route!.access });
          }),
    });
    site = await RecordlessSite.enrol(coordinator, 'alpha');
    await passage.cut();
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
    await coordinator[Symbol.asyncDispose]();
    await passage.cut();
  });

  async function ask(method: string, path: string, access: Access): Promise<Response> {
    if (access === 'site') return site.link.request(method as 'GET', path);
    if (path !== '/v1/enrol')
      return fetch(new URL(path, coordinator.url), {
        method,
        headers: { authorization: `Bearer ${coordinator.operatorToken}` },
      });
    const body = JSON.stringify(
      await enrolmentOf('beta', 'x'.repeat(43), await freshSigner(), Buffer.alloc(32).toString('base64')),
    );
    return fetch(new URL(path, coordinator.url), { method, headers: { 'content-type': 'application/json' }, body });
  }

  it('every route but those that need none answers 503 with its code, and all is well when it is back', async () => {
    expect(routes.length).toBeGreaterThan(20);
    for (const { method, path, access } of routes) {
      const response = await ask(
        method,
        path.replaceAll(/:(\w+)/g, (_, name: string) => values[name]!),
        access,
      );
      const { code } = (await response.json()) as { code?: string };
      const needsNone = path === '/v1/health/live' || path === '/v1/openapi.json';
      const expected = needsNone ? { status: 200, code: undefined } : { status: 503, code: 'DATABASE_UNREACHABLE' };
      expect({ method, path, status: response.status, code }).toEqual({ method, path, ...expected });
    }
    await passage.open();
    await until('readiness', async () => (await fetch(new URL('/v1/health/ready', coordinator.url))).status === 200);
    expect((await ask('GET', '/v1/runs', 'viewer')).status).toBe(200);
    expect((await ask('GET', '/v1/site/assignments', 'site')).status).toBe(200);
  });
});
