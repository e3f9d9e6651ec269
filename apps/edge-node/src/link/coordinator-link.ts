import { createHash, randomUUID } from 'node:crypto';
import {
  CodedError, PROTOCOL, assignmentsSchema, ceremonyPostSchema, errorOf, inboxSchema, openingSchema, parse, requestStatement, signStatement, toBase64,
  type Assignment, type CeremonyPost, type Envelope, type Inbox, type Opening, type Refusal, type Signer, type SiteStatus,
} from '@koinon/contracts';
import { z } from 'zod';

const blockListSchema = z.array(z.object({ index: z.int(), sha256: z.string() }));
const REQUEST_TIMEOUT_MS = 60_000;
/** How long the coordinator may hold a request for assignments. */
export const WAIT_MS = 20_000;

/** The site's side of the link: it dials out, signs every request, and receives nothing it did not ask for. */
export class CoordinatorLink {
  constructor(
    private readonly baseUrl: string,
    private readonly site: string,
    private readonly signer: Signer,
    private readonly signal: AbortSignal,
  ) {}

  async assignments(): Promise<Assignment[]> {
    return (await this.json('GET', `/v1/site/assignments?waitMs=${WAIT_MS}`, assignmentsSchema)).assignments;
  }

  postCeremony = (epochId: string, post: CeremonyPost) => this.send('POST', `/v1/site/epochs/${epochId}/messages`, json(parse(ceremonyPostSchema, post)));
  inbox = (epochId: string): Promise<Inbox> => this.json('GET', `/v1/site/epochs/${epochId}/inbox`, inboxSchema);
  blocks = (sumId: string) => this.json('GET', `/v1/site/sums/${sumId}/blocks`, blockListSchema);
  putBlock = (sumId: string, index: number, block: Uint8Array) => this.send('PUT', `/v1/site/sums/${sumId}/blocks/${index}`, octets(block));
  commitUpload = (sumId: string, statement: Envelope) => this.send('POST', `/v1/site/sums/${sumId}/commit`, json(statement));
  sumBlock = (sumId: string, index: number) => this.bytes(`/v1/site/sums/${sumId}/sum/${index}`);
  opening = (sumId: string, index: number): Promise<Opening> => this.json('GET', `/v1/site/sums/${sumId}/openings/${index}`, openingSchema);
  putShare = (sumId: string, share: Uint8Array) => this.send('PUT', `/v1/site/sums/${sumId}/share`, octets(share));
  commitShare = (sumId: string, statement: Envelope) => this.send('POST', `/v1/site/sums/${sumId}/share`, json(statement));
  refuse = (refusal: Refusal) => this.send('POST', '/v1/site/refusals', json(refusal));
  report = (status: SiteStatus) => this.send('POST', '/v1/site/status', json(status));

  /** @throws CodedError BLOCK_DIGEST_MISMATCH when other bytes arrive */
  async blob(sha256: string): Promise<Uint8Array> {
    const bytes = await this.bytes(`/v1/site/blobs/${sha256}`);
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new CodedError('BLOCK_DIGEST_MISMATCH');
    return bytes;
  }

  private async bytes(path: string): Promise<Uint8Array> {
    return new Uint8Array(await (await this.send('GET', path)).arrayBuffer());
  }

  private async json<T>(method: 'GET' | 'POST', path: string, schema: z.ZodType<T>): Promise<T> {
    return parse(schema, await (await this.send(method, path)).json());
  }

  private async send(method: 'GET' | 'POST' | 'PUT', path: string, body?: Body): Promise<Response> {
    const statement = {
      protocol: PROTOCOL, site: this.site, method, path, createdAt: Date.now(), nonce: randomUUID(),
      bodySha256: createHash('sha256').update(body?.bytes ?? new Uint8Array()).digest('hex'),
    };
    const envelope = await signStatement(requestStatement.type, statement, this.signer);
    const headers = {
      'koinon-site': this.site,
      'koinon-request': toBase64(new TextEncoder().encode(JSON.stringify(envelope))),
      ...(body ? { 'content-type': body.type } : {}),
    };
    const signal = AbortSignal.any([this.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    const response = await fetch(new URL(path, this.baseUrl), { method, headers, signal, ...(body ? { body: body.bytes } : {}) }).catch((cause: unknown) => {
      throw this.signal.aborted ? cause : new CodedError('COORDINATOR_UNREACHABLE');
    });
    if (!response.ok) throw await errorOf(response);
    return response;
  }
}

interface Body {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const json = (value: unknown): Body => ({ type: 'application/json', bytes: new TextEncoder().encode(JSON.stringify(value)) });
const octets = (bytes: Uint8Array): Body => ({ type: 'application/octet-stream', bytes: bytes as Uint8Array<ArrayBuffer> });
