import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, envelopeSchema, openStatement, parse, requestStatement, siteIdSchema } from '@koinon/contracts';
import type { FastifyRequest } from 'fastify';
import type { DataSource } from 'typeorm';
import { SiteRow } from '../database/entities.js';
import type { Caller } from './allow.decorator.js';

/** A request is taken only this long before or after it was signed, and each nonce once in that time. */
const WINDOW_MS = 120_000;
/** lastSeenAt is written at most this often per site. */
const SEEN_EVERY_MS = 5_000;

/**
 * Authenticates a site by its signature over method, path and body digest (header `koinon-request`:
 * a base64 envelope). The place of mutual TLS once that is in: this stays the inner proof.
 */
@Injectable()
export class SiteRequestVerifier {
  private readonly nonces = new Map<string, number>();

  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async verify(request: FastifyRequest): Promise<Caller> {
    const envelope = this.envelope(request.headers['koinon-request']);
    const claimed = parse(siteIdSchema, request.headers['koinon-site']);
    const sites = this.database.getRepository(SiteRow);
    const site = await sites.findOneBy({ id: claimed, state: 'enrolled' });
    if (!site?.identityKey) throw new CodedError('SIGNATURE_INVALID');
    const signed = await openStatement(envelope, requestStatement.type, requestStatement.schema, site.identityKey);
    if (signed.site !== claimed || signed.method !== request.method || signed.path !== request.url) throw new CodedError('SIGNATURE_INVALID');
    this.spend(`${claimed} ${signed.nonce}`, signed.createdAt);
    this.checkBody(request, signed.bodySha256);
    if (Date.now() - (site.lastSeenAt?.getTime() ?? 0) > SEEN_EVERY_MS) await sites.update({ id: claimed }, { lastSeenAt: new Date() });
    return { kind: 'site', name: claimed, bodySha256: signed.bodySha256 };
  }

  private envelope(header: string | string[] | undefined) {
    if (typeof header !== 'string' || header.length > 8192) throw new CodedError('UNAUTHENTICATED');
    try {
      return parse(envelopeSchema, JSON.parse(Buffer.from(header, 'base64').toString('utf8')));
    } catch {
      throw new CodedError('UNAUTHENTICATED');
    }
  }

  private spend(nonce: string, createdAt: number): void {
    const now = Date.now();
    if (Math.abs(now - createdAt) > WINDOW_MS || this.nonces.has(nonce)) throw new CodedError('REQUEST_EXPIRED');
    this.nonces.set(nonce, createdAt);
    for (const [old, at] of this.nonces) {
      if (now - at <= WINDOW_MS) break;
      this.nonces.delete(old);
    }
  }

  /** Streamed bodies are hashed on their way to the blob store; buffered ones here. */
  private checkBody(request: FastifyRequest, bodySha256: string): void {
    if (request.headers['content-type'] === 'application/octet-stream') return;
    const raw = (request as { rawBody?: Buffer }).rawBody ?? Buffer.alloc(0);
    if (createHash('sha256').update(raw).digest('hex') !== bodySha256) throw new CodedError('SIGNATURE_INVALID');
  }
}
