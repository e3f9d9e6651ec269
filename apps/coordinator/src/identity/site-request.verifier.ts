import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, envelopeSchema, parse, requestStatement, siteIdSchema } from '@koinon/contracts';
import { verifyMessage } from '@koinon/signing';
import type { FastifyRequest } from 'fastify';
import type { DataSource } from 'typeorm';
import { SiteRow } from './identity.entities.js';
import { CLOCK } from '../platform/liveness/pause.js';
import type { Caller } from '../platform/http/caller.js';
import { NoncesService } from './nonces.service.js';

/** A request is taken only this long before or after it was signed, and each nonce once. */
const WINDOW_MS = 120_000;
/** lastSeenAt is written at most this often per site where the clocks agree. */
const SEEN_EVERY_MS = 5_000;

/**
 * Authenticates a site by its signature over method, path and body digest (header `koinon-request`:
 * a base64 envelope). The place of mutual TLS once that is in: this stays the inner proof.
 */
@Injectable()
export class SiteRequestVerifier {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly nonces: NoncesService,
  ) {}

  async verify(request: FastifyRequest): Promise<Caller> {
    const envelope = this.envelope(request.headers['koinon-request']);
    const claimed = parse(siteIdSchema, request.headers['koinon-site']);
    // Asked for each request, and a status may be long: only the columns that are looked at.
    const [site] = await this.database.query<Pick<SiteRow, 'identityKey' | 'lastSeenAt'>[]>(
      `SELECT identity_key AS "identityKey", last_seen_at AS "lastSeenAt" FROM sites WHERE id = $1 AND state = 'enrolled'`,
      [claimed],
    );
    if (!site?.identityKey) throw new CodedError('SIGNATURE_INVALID');
    const signed = await verifyMessage(envelope, requestStatement, site.identityKey);
    if (signed.site !== claimed || signed.method !== request.method || signed.path !== request.url)
      throw new CodedError('SIGNATURE_INVALID');
    checkClock(signed.createdAt, Date.now());
    if (!(await this.nonces.spend(claimed, signed.nonce)))
      throw new CodedError('REQUEST_EXPIRED', 'its nonce was used');
    if (isWorthTelling(site.lastSeenAt, Date.now()))
      await this.database.manager.update(SiteRow, { id: claimed }, { lastSeenAt: CLOCK });
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

  /** Streamed bodies are hashed on their way to the blob store; buffered ones here. */
  checkBody(request: FastifyRequest, bodySha256: string): void {
    if (request.body instanceof Readable) return;
    const raw = (request as { rawBody?: Buffer }).rawBody ?? Buffer.alloc(0);
    if (createHash('sha256').update(raw).digest('hex') !== bodySha256) throw new CodedError('SIGNATURE_INVALID');
  }
}

/** The database's clock may be ahead of ours or behind: then it is written more often, and never too seldom. */
const isWorthTelling = (seen: Date | null, now: number): boolean =>
  Math.abs(now - (seen?.getTime() ?? 0)) > SEEN_EVERY_MS;

/** The signed time is known to its signer and ours is in every answer's Date: naming the difference tells nobody more. */
function checkClock(createdAt: number, now: number): void {
  const ahead = createdAt - now;
  if (Math.abs(ahead) <= WINDOW_MS) return;
  throw new CodedError(
    'REQUEST_EXPIRED',
    `the caller's clock is ${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? 'ahead of' : 'behind'} the coordinator's`,
  );
}
