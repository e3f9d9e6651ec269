/** The site API over HTTP as a coordinator would speak it: checks every signature, and answers what the test says. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  CodedError,
  PROTOCOL,
  toWire,
  requestStatement,
  type Assignment,
  type Assignments,
  type Envelope,
  type RequestStatement,
} from '@koinon/contracts';
import { verifyStatement } from '@koinon/signing';
import { KEY_EPOCH } from './hospitals.js';
import { sha256 } from './relay.js';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly body: Buffer;
  readonly headers: IncomingMessage['headers'];
  /** Opened with the site's key; absent where nothing was signed. */
  readonly signed?: RequestStatement;
}

type Answer = unknown;

export const listOf = (
  assignments: readonly Assignment[],
  keyEpochs: readonly string[],
  runs: readonly string[] = [],
): Assignments => ({
  protocol: PROTOCOL,
  digest: sha256(JSON.stringify([assignments, keyEpochs, runs])),
  assignments: [...assignments],
  keyEpochs: [...keyEpochs],
  runs: [...runs],
});

export class FakeCoordinator implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  readonly blobs = new Map<string, Uint8Array>();
  /** Key epochs that it says are still open. */
  keyEpochs: string[] = [KEY_EPOCH];
  /** Runs that it says are under way. */
  runs: string[] = [];
  /** Identity key under which requests must be signed; without it none is checked. */
  identityKey: string | undefined;
  /** Answers in place of the fake: bytes or JSON; undefined leaves it to the fake, a function gets the raw response. */
  answer: (request: SeenRequest) => Answer = () => undefined;
  private assigned: readonly Assignment[] = [];
  private readonly waiting = new Set<() => void>();

  private constructor(private readonly server: Server) {}

  static async start(port = 0): Promise<FakeCoordinator> {
    const server = createServer();
    const fake = new FakeCoordinator(server);
    server.on('request', (request, response) => void fake.serve(request, response));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** What the site is asked from now on. A question that knows it is held open until it is something else, as long polls are. */
  assign(...assignments: Assignment[]): void {
    this.assigned = assignments;
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }

  /** Requests for assignments that are held open now. */
  get held(): number {
    return this.waiting.size;
  }

  posted(path: string): unknown[] {
    return this.requests
      .filter((r) => r.method === 'POST' && r.path === path)
      .map((r) => JSON.parse(r.body.toString()) as unknown);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const seen = await this.check(request, Buffer.concat(chunks));
      this.requests.push(seen);
      await this.reply(seen, response);
    } catch (error) {
      const coded = error instanceof CodedError ? error : new CodedError('INTERNAL');
      response
        .writeHead(coded.status, { 'content-type': 'application/problem+json' })
        .end(JSON.stringify(toWire(coded)));
    }
  }

  private async check(request: IncomingMessage, body: Buffer): Promise<SeenRequest> {
    const { method = '', url: path = '', headers } = request;
    const header = headers['koinon-request'];
    if (!this.identityKey || typeof header !== 'string') return { method, path, body, headers };
    const envelope = JSON.parse(Buffer.from(header, 'base64').toString()) as Envelope;
    const signed = await verifyStatement(envelope, requestStatement.type, requestStatement.schema, this.identityKey);
    if (signed.method !== method || signed.path !== path || signed.bodySha256 !== sha256(body))
      throw new CodedError('SIGNATURE_INVALID');
    return { method, path, body, headers, signed };
  }

  private async reply(seen: SeenRequest, response: ServerResponse): Promise<void> {
    const answer = this.answer(seen);
    if (typeof answer === 'function') {
      (answer as (response: ServerResponse) => void)(response);
      return;
    }
    if (answer instanceof Uint8Array)
      return void response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(answer);
    if (answer !== undefined)
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    if (seen.path.startsWith('/v1/site/blobs/')) {
      const blob = this.blobs.get(seen.path.slice('/v1/site/blobs/'.length));
      if (!blob) throw new CodedError('NOT_FOUND');
      return void response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(blob);
    }
    if (!seen.path.startsWith('/v1/site/assignments')) return void response.writeHead(204).end();
    if (seen.path.endsWith(`&known=${this.list.digest}`)) {
      const woken = Promise.withResolvers<void>();
      this.waiting.add(woken.resolve);
      response.on('close', () => {
        this.waiting.delete(woken.resolve);
        woken.resolve();
      });
      await woken.promise;
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(this.list));
  }

  private get list(): Assignments {
    return listOf(this.assigned, this.keyEpochs, this.runs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
