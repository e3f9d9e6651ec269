import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import {
  PROTOCOL,
  enrolmentStatement,
  requestStatement,
  uploadStatement,
  type Envelope,
  type RequestStatement,
} from '@koinon/contracts';
import { MerkleTree } from '@koinon/he';
import { generateSigningKey, signStatement, signerFrom, toBase64, type Signer } from '@koinon/signing';
import { digest } from './tiny-federation.fixture.js';

export type Body = { readonly json: unknown } | { readonly bytes: Uint8Array };

/** A request that went out: what a listener on the wire would have. */
export interface RecordedPut {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Requests by hand in the name of one site. Everything that is signed can be overridden, to see it refused. */
export class SignedRequests {
  readonly puts: RecordedPut[] = [];

  constructor(
    readonly baseUrl: string,
    readonly site: string,
    readonly signer: Signer,
  ) {}

  async request(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: Body,
    override: Partial<RequestStatement> & { readonly headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const { headers: extra, ...signed } = override;
    const bytes = bytesOf(body);
    const statement = {
      protocol: PROTOCOL,
      site: this.site,
      method,
      path,
      createdAt: Date.now(),
      nonce: randomUUID(),
      bodySha256: digest(bytes),
      ...signed,
    };
    const envelope = await signStatement(requestStatement.type, statement, this.signer);
    if (body && 'bytes' in body) this.puts.push({ path, bytes });
    return fetch(new URL(path, this.baseUrl), {
      method,
      headers: {
        ...requestHeaders(this.site, envelope),
        ...(body ? { 'content-type': 'bytes' in body ? 'application/octet-stream' : 'application/json' } : {}),
        ...extra,
      },
      ...(body ? { body: bytes as Uint8Array<ArrayBuffer> } : {}),
    });
  }

  /** The answer, which must be a success. */
  async ask<T>(method: 'GET' | 'POST' | 'PUT', path: string, body?: Body): Promise<T> {
    const response = await this.request(method, path, body);
    if (!response.ok) throw new RefusedError(path, response.status, (await response.json()) as { code: string });
    const text = await response.text();
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** Says of an upload that it is whole. @throws RefusedError */
  async finishUpload(sumId: string, blocks: number, root: string): Promise<void> {
    const statement = { protocol: PROTOCOL, sumId, site: this.site, blocks, root };
    await this.ask('POST', `/v1/site/sums/${sumId}/finish`, {
      json: await signStatement(uploadStatement.type, statement, this.signer),
    });
  }

  /** A PUT that stops in the middle of its body. @returns what sends the rest and waits for the answer's text */
  async halfPut(path: string, bytes: Uint8Array): Promise<() => Promise<string>> {
    const method = 'PUT';
    const statement: RequestStatement = {
      protocol: PROTOCOL,
      site: this.site,
      method,
      path,
      createdAt: Date.now(),
      nonce: randomUUID(),
      bodySha256: digest(bytes),
    };
    const signed = requestHeaders(this.site, await signStatement(requestStatement.type, statement, this.signer));
    const headers = { ...signed, 'content-type': 'application/octet-stream', 'content-length': bytes.length };
    const answer = Promise.withResolvers<string>();
    const put = request(new URL(path, this.baseUrl), { method, headers }, (response) => {
      let text = '';
      response
        .setEncoding('utf8')
        .on('data', (part: string) => (text += part))
        .on('end', () => answer.resolve(text));
    }).on('error', answer.reject);
    const half = bytes.length >> 1;
    put.write(bytes.subarray(0, half));
    return () => {
      put.end(bytes.subarray(half));
      return answer.promise;
    };
  }

  async bytes(path: string): Promise<Uint8Array> {
    const response = await this.request('GET', path);
    if (!response.ok) throw new RefusedError(path, response.status, (await response.json()) as { code: string });
    return new Uint8Array(await response.arrayBuffer());
  }
}

export class RefusedError extends Error {
  readonly code: string;

  constructor(
    path: string,
    readonly status: number,
    problem: { code: string },
  ) {
    super(`${path} answered ${status} ${problem.code}`);
    this.code = problem.code;
  }
}

export const requestHeaders = (site: string, envelope: Envelope): Record<string, string> => ({
  'koinon-site': site,
  'koinon-request': toBase64(new TextEncoder().encode(JSON.stringify(envelope))),
});

function bytesOf(body: Body | undefined): Uint8Array {
  if (!body) return new Uint8Array();
  return 'bytes' in body ? body.bytes : new TextEncoder().encode(JSON.stringify(body.json));
}

/** The body of an enrolment. */
export async function enrolmentOf(
  site: string,
  token: string,
  signer: Signer,
  sealingKey: string,
): Promise<{ token: string; statement: Envelope }> {
  const statement = {
    protocol: PROTOCOL,
    site,
    identityKey: signer.publicKey,
    sealingKey,
    tokenSha256: digest(Buffer.from(token)),
  };
  return { token, statement: await signStatement(enrolmentStatement.type, statement, signer) };
}

export async function freshSigner(): Promise<Signer> {
  const { pkcs8, publicKey } = await generateSigningKey();
  return signerFrom(pkcs8, publicKey);
}

export const rootOf = (blocks: readonly Uint8Array[]): string =>
  Buffer.from(MerkleTree.from(blocks.map((b) => Buffer.from(digest(b), 'hex'))).root).toString('hex');
