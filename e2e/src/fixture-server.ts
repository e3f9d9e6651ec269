/** A coordinator's read API over fixed views, with the built dashboard and the coordinator's security headers. */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CodedError,
  isApi,
  routes,
  toWire,
  type ErrorCode,
  type KoinonEvent,
  type ModelView,
  type RunView,
  type SiteView,
  type VersionDetail,
} from '@koinon/contracts';

const dist = fileURLToPath(new URL('../../apps/dashboard/dist/', import.meta.url));
const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";

export interface FixtureViews {
  runs: RunView[];
  models: ModelView[];
  sites: SiteView[];
  versions: VersionDetail[];
  /** Answers every view with this error. */
  broken?: ErrorCode;
  /** Holds every answer back. */
  held?: boolean;
}

export class FixtureServer {
  readonly token = 'viewer-0123456789abcdef';
  /** The paths asked for, in order. */
  readonly asked: string[] = [];
  private readonly streams = new Set<ServerResponse>();
  private readonly server = createServer((request, response) => void this.answer(request, response));

  constructor(readonly views: FixtureViews) {}

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  /** The link a person is handed. */
  get link(): string {
    return `${this.url}#token=${this.token}`;
  }

  emit(event: KoinonEvent): void {
    for (const stream of this.streams) stream.write(`event: change\ndata: ${JSON.stringify(event)}\n\n`);
  }

  /** As when the coordinator goes away in the middle. */
  dropStreams(): void {
    for (const stream of this.streams) stream.destroy();
    this.streams.clear();
  }

  async close(): Promise<void> {
    this.dropStreams();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', this.url).pathname;
    response.setHeader('content-security-policy', POLICY);
    if (!isApi(path)) return this.file(path, response);
    this.asked.push(path);
    if (request.headers.authorization !== `Bearer ${this.token}`) return problem(response, 'UNAUTHENTICATED');
    if (this.views.broken) return problem(response, this.views.broken);
    if (path === routes.events.path) {
      response
        .writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
        .write(': hello\n\n');
      this.streams.add(response);
      return;
    }
    if (this.views.held) return;
    const view = this.viewAt(path);
    if (view === undefined) return problem(response, 'NOT_FOUND');
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(view));
  }

  private viewAt(path: string): unknown {
    const [, , kind = '', id, , version] = path.split('/').map(decodeURIComponent);
    if (id === undefined) return { runs: this.views.runs, models: this.views.models, sites: this.views.sites }[kind];
    if (kind === 'runs') return this.views.runs.find((r) => r.id === id);
    return this.views.versions.find((v) => v.model === id && String(v.version) === version);
  }

  private async file(path: string, response: ServerResponse): Promise<void> {
    const name = join(dist, normalize(path === '/' ? '/index.html' : path));
    const bytes = await readFile(name).catch(() => undefined);
    if (!bytes) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': types[extname(name)] ?? 'application/octet-stream' }).end(bytes);
  }
}

function problem(response: ServerResponse, code: ErrorCode): void {
  const body = toWire(new CodedError(code));
  response.writeHead(body.status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body));
}
