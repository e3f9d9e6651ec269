import { createHash, randomUUID } from 'node:crypto';
import {
  CodedError,
  PROTOCOL,
  assignmentsSchema,
  framed,
  openingSchema,
  parse,
  postHead,
  readInbox,
  requestStatement,
  type Assignments,
  type CeremonyPost,
  type Envelope,
  type Opening,
  type Refusal,
  type SiteStatus,
} from '@koinon/contracts';
import { errorOf } from '@koinon/client';
import { signStatement, toBase64, type Signer } from '@koinon/signing';
import { z } from 'zod';

const blockListSchema = z.array(z.object({ index: z.int(), sha256: z.string() }));
const BYTES = 'application/octet-stream';
const REQUEST_TIMEOUT_MS = 60_000;
/** How long the coordinator may hold a request for assignments. */
export const WAIT_MS = 20_000;

/** The site's side of the link: it dials out, signs every request, and receives nothing it did not ask for. */
export class CoordinatorLink {
  /** This node's clock minus the coordinator's, whole seconds in ms, as the last answer showed it. */
  clockAheadMs: number | undefined;

  constructor(
    private readonly baseUrl: string,
    private readonly site: string,
    private readonly signer: Signer,
    private readonly signal: AbortSignal,
    private readonly timeoutMs = REQUEST_TIMEOUT_MS,
  ) {}

  assignments = (waitMs = WAIT_MS): Promise<Assignments> =>
    this.get(`/v1/site/assignments?waitMs=${waitMs}`, assignmentsSchema);

  async postCeremony(epochId: string, { statement, bodies }: CeremonyPost): Promise<void> {
    const bytes = Buffer.concat([...framed([postHead(statement, bodies.length), ...bodies])]);
    await this.send('POST', `/v1/site/epochs/${epochId}/messages`, { type: BYTES, bytes });
  }

  /** What a step that is over brought this site. */
  inbox = (epochId: string, step: string): Promise<CeremonyPost[]> =>
    this.send('GET', `/v1/site/epochs/${epochId}/inbox?step=${encodeURIComponent(step)}`, undefined, (response) =>
      response.headers.get('content-type') === BYTES
        ? readInbox(response.body ?? new ReadableStream())
        : notOurs('an inbox'),
    );

  blocks = (sumId: string) => this.get(`/v1/site/sums/${sumId}/blocks`, blockListSchema);
  putBlock = (sumId: string, index: number, block: Uint8Array) =>
    this.put(`/v1/site/sums/${sumId}/blocks/${index}`, block);
  commitUpload = (sumId: string, statement: Envelope) => this.post(`/v1/site/sums/${sumId}/commit`, statement);
  sumBlock = (sumId: string, index: number) => this.bytes(`/v1/site/sums/${sumId}/sum/${index}`);
  opening = (sumId: string, index: number): Promise<Opening> =>
    this.get(`/v1/site/sums/${sumId}/openings/${index}`, openingSchema);
  putShare = (sumId: string, share: Uint8Array) => this.put(`/v1/site/sums/${sumId}/share`, share);
  commitShare = (sumId: string, statement: Envelope) => this.post(`/v1/site/sums/${sumId}/share`, statement);
  refuse = (refusal: Refusal) => this.post('/v1/site/refusals', refusal);
  report = (status: SiteStatus) => this.post('/v1/site/status', status);

  /** @throws CodedError BLOCK_DIGEST_MISMATCH when other bytes arrive */
  async blob(sha256: string): Promise<Uint8Array> {
    const bytes = await this.bytes(`/v1/site/blobs/${sha256}`);
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new CodedError('BLOCK_DIGEST_MISMATCH');
    return bytes;
  }

  private bytes(path: string): Promise<Uint8Array> {
    return this.send('GET', path);
  }

  private async get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return parse(schema, fromJson(await this.bytes(path)));
  }

  private async post(path: string, value: unknown): Promise<void> {
    await this.send('POST', path, { type: 'application/json', bytes: new TextEncoder().encode(JSON.stringify(value)) });
  }

  private async put(path: string, bytes: Uint8Array): Promise<void> {
    await this.send('PUT', path, { type: BYTES, bytes: bytes as Uint8Array<ArrayBuffer> });
  }

  /** @returns the answer's body, read to the end. @throws CodedError the coordinator's, or COORDINATOR_UNREACHABLE when the connection broke anywhere on the way */
  private async send(method: 'GET' | 'POST' | 'PUT', path: string, body?: Body): Promise<Uint8Array>;
  private async send<T>(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body: Body | undefined,
    read: (response: Response) => Promise<T>,
  ): Promise<T>;
  private async send(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: Body,
    read?: (response: Response) => Promise<unknown>,
  ): Promise<unknown> {
    const statement = {
      protocol: PROTOCOL,
      site: this.site,
      method,
      path,
      createdAt: Date.now(),
      nonce: randomUUID(),
      bodySha256: createHash('sha256')
        .update(body?.bytes ?? new Uint8Array())
        .digest('hex'),
    };
    const envelope = await signStatement(requestStatement.type, statement, this.signer);
    const headers = {
      'koinon-site': this.site,
      'koinon-request': toBase64(new TextEncoder().encode(JSON.stringify(envelope))),
      ...(body ? { 'content-type': body.type } : {}),
    };
    const late = new AbortController();
    // Until the answer begins: a large body over a slow line may take longer, and fetch itself ends one that stands still.
    const timer = setTimeout(() => late.abort(), this.timeoutMs);
    try {
      const signal = AbortSignal.any([this.signal, late.signal]);
      // A signed request is for this coordinator and goes nowhere else.
      const response = await fetch(new URL(path, this.baseUrl), {
        method,
        headers,
        signal,
        redirect: 'error',
        ...(body ? { body: body.bytes } : {}),
      });
      clearTimeout(timer);
      this.readClock(response.headers.get('date'));
      if (!response.ok) throw this.withClock(await errorOf(response));
      return read ? await read(response) : new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      throw this.signal.aborted || error instanceof CodedError ? error : new CodedError('COORDINATOR_UNREACHABLE');
    } finally {
      clearTimeout(timer);
    }
  }

  /** The header is cut to whole seconds and was sent a moment ago: so is the difference. */
  private readClock(date: string | null): void {
    const theirs = Date.parse(date ?? '');
    if (!Number.isNaN(theirs)) this.clockAheadMs = Math.round((Date.now() - theirs) / 1000) * 1000;
  }

  /** A time of signing that is refused has to be told with which of the clocks is ahead. */
  private withClock(error: CodedError): CodedError {
    if (error.code !== 'REQUEST_EXPIRED' || error.detail || !this.clockAheadMs) return error;
    const side = this.clockAheadMs > 0 ? 'ahead of' : 'behind';
    return new CodedError(
      'REQUEST_EXPIRED',
      `this node’s clock is ${Math.abs(this.clockAheadMs) / 1000} s ${side} the coordinator’s`,
    );
  }
}

/** Something in between, a proxy or a portal, answered in the coordinator's place, or the line broke on the way. */
function notOurs(expected: string): never {
  throw new CodedError('COORDINATOR_UNREACHABLE', `the answer is not ${expected}`);
}

interface Body {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function fromJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return notOurs('JSON');
  }
}
