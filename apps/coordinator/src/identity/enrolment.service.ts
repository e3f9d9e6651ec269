import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, PROTOCOL, enrolmentStatement, publicKeySchema, type Envelope } from '@koinon/contracts';
import { fromBase64, keyFingerprintOf, verifyMessage, type Signer } from '@koinon/signing';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import { AuditService } from '../platform/audit/audit.service.js';
import { COORDINATOR_KEY } from '../platform/coordinator-key.js';
import { EventsService } from '../platform/events/events.service.js';
import { CLOCK } from '../platform/liveness/pause.js';
import { SiteRow } from './identity.entities.js';

const INVITATION_VALID_MS = 24 * 3_600_000;
const claimSchema = z.object({ identityKey: publicKeySchema });
const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** How a hospital becomes a site: an operator invites it, and its node registers keys of its own making. */
@Injectable()
export class EnrolmentService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(COORDINATOR_KEY) private readonly signer: Signer,
    private readonly audit: AuditService,
    private readonly events: EventsService,
  ) {}

  /** A one-time token for a site to enrol with; inviting again replaces a token that was not used. */
  async invite(id: string, name: string, actor: string) {
    const token = randomBytes(32).toString('base64url');
    const expiresAt = new Date(Date.now() + INVITATION_VALID_MS);
    await this.database.transaction(async (m) => {
      // One statement, which locks the row: a node may enrol at this moment, and stays enrolled.
      const invited = await m
        .createQueryBuilder()
        .insert()
        .into(SiteRow)
        .values({ id, name, state: 'invited', tokenSha256: digest(token), tokenExpiresAt: expiresAt })
        .orUpdate(['name', 'token_sha256', 'token_expires_at'], ['id'], {
          overwriteCondition: { where: "sites.state = 'invited'" },
        })
        .returning('id')
        .execute();
      if ((invited.raw as unknown[]).length === 0) throw new CodedError('SITE_EXISTS');
      await this.audit.append(m, { actor, action: 'site.invited', subject: id, detail: { name } });
      await this.events.publish(m, 'site', id, null);
    });
    return {
      site: id,
      token,
      expiresAt: expiresAt.toISOString(),
      coordinatorKeyFingerprint: this.signer.keyFingerprint,
    };
  }

  /** Registers the keys a node made for itself. The token works once; the same node may repeat itself, as the answer may have been lost. */
  async enrol(token: string, envelope: Envelope) {
    // The statement is signed with the very key it registers: possession is what it proves.
    const statement = await verifyMessage(envelope, enrolmentStatement, claimedKey(envelope));
    await this.database.transaction(async (m) => {
      const site = await m.findOne(SiteRow, { where: { id: statement.site }, lock: { mode: 'pessimistic_write' } });
      const matches =
        site?.tokenSha256 && timingSafeEqual(Buffer.from(site.tokenSha256, 'hex'), Buffer.from(digest(token), 'hex'));
      if (!matches || statement.tokenSha256 !== site.tokenSha256) throw new CodedError('ENROLMENT_TOKEN_INVALID');
      if (
        site.state === 'enrolled' &&
        site.identityKey === statement.identityKey &&
        site.sealingKey === statement.sealingKey
      )
        return;
      if (site.state !== 'invited' || site.tokenExpiresAt!.getTime() <= Date.now())
        throw new CodedError('ENROLMENT_TOKEN_INVALID');
      await m.update(
        SiteRow,
        { id: site.id },
        {
          state: 'enrolled',
          identityKey: statement.identityKey,
          sealingKey: statement.sealingKey,
          enrolledAt: CLOCK,
          lastSeenAt: CLOCK,
        },
      );
      const keyFingerprint = await keyFingerprintOf(statement.identityKey);
      await this.audit.append(m, {
        actor: site.id,
        action: 'site.enrolled',
        subject: site.id,
        detail: { keyFingerprint },
      });
      await this.events.publish(m, 'site', site.id, null);
    });
    return { protocol: PROTOCOL, site: statement.site, coordinatorKey: this.signer.publicKey };
  }
}

/** The key a statement claims, before anything is checked. */
function claimedKey(envelope: Envelope): string {
  try {
    return claimSchema.parse(JSON.parse(Buffer.from(fromBase64(envelope.payload)).toString('utf8'))).identityKey;
  } catch {
    throw new CodedError('REQUEST_INVALID', 'the payload is no enrolment');
  }
}
