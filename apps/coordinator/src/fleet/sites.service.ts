import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import {
  CodedError,
  enrolmentStatement,
  type Envelope,
  type Refusal,
  type SiteStatus,
  type SiteView,
} from '@koinon/contracts';
import { fromBase64, keyIdOf, openStatement, type Signer } from '@koinon/signing';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../platform/audit/audit.service.js';
import { EpochRow, RefusalRow } from '../key-epochs/key-epochs.entities.js';
import { RoundRow } from '../federations/federations.entities.js';
import { SiteRow } from '../identity/identity.entities.js';
import { SumRow } from '../secure-sums/secure-sums.entities.js';
import { CLOCK } from '../platform/liveness/pause.js';
import { lockRun } from '../platform/database/run-lock.js';
import { EventsService } from '../platform/events/events.service.js';
import { JobsService } from '../platform/jobs/jobs.service.js';
import { RoundTransitions } from '../federations/rounds/round-transitions.js';
import { COORDINATOR_KEY } from '../platform/coordinator-key.js';

const INVITATION_VALID_MS = 24 * 3_600_000;
/** What a site spent only grows. Below this part of its mirror it is a ledger that was lost, and no finer accountant. */
const isLower = (epsilon: number | null, highest: number): boolean =>
  epsilon !== null && epsilon < highest * (1 - 1e-3);
const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

@Injectable()
export class SitesService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(COORDINATOR_KEY) private readonly signer: Signer,
    private readonly audit: AuditService,
    private readonly events: EventsService,
    private readonly rounds: RoundTransitions,
    private readonly jobs: JobsService,
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
    return { site: id, token, expiresAt: expiresAt.toISOString(), coordinatorFingerprint: this.signer.keyId };
  }

  /** Registers the keys a node made for itself. The token works once; the same node may repeat itself, as the answer may have been lost. */
  async enrol(token: string, envelope: Envelope) {
    // The statement is signed with the very key it registers: possession is what it proves.
    const statement = await openStatement(
      envelope,
      enrolmentStatement.type,
      enrolmentStatement.schema,
      claimedKey(envelope),
    );
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
      const fingerprint = await keyIdOf(statement.identityKey);
      await this.audit.append(m, {
        actor: site.id,
        action: 'site.enrolled',
        subject: site.id,
        detail: { fingerprint },
      });
      await this.events.publish(m, 'site', site.id, null);
    });
    return { site: statement.site, coordinatorKey: this.signer.publicKey };
  }

  async list(): Promise<SiteView[]> {
    const rows = await this.database.manager.find(SiteRow, { order: { id: 'ASC' } });
    return Promise.all(
      rows.map(async (row) => ({
        id: row.id,
        name: row.name,
        state: row.state,
        identityFingerprint: row.identityKey ? await keyIdOf(row.identityKey) : null,
        enrolledAt: row.enrolledAt?.toISOString() ?? null,
        lastSeenAt: row.lastSeenAt?.toISOString() ?? null,
        status: row.status,
        epsilonForgotten: isLower(row.status?.epsilonSpent ?? null, row.epsilonHighest ?? 0)
          ? row.epsilonHighest
          : null,
      })),
    );
  }

  async report(id: string, status: SiteStatus): Promise<void> {
    await this.database.transaction(async (m) => {
      const site = await m.findOneOrFail(SiteRow, { where: { id }, lock: { mode: 'pessimistic_write' } });
      const highest = site.epsilonHighest ?? 0;
      if (isLower(status.epsilonSpent, highest) && !isLower(site.status?.epsilonSpent ?? null, highest)) {
        await this.audit.append(m, {
          actor: id,
          action: 'site.epsilon-lowered',
          subject: id,
          detail: { from: highest, to: status.epsilonSpent },
        });
      }
      const epsilonHighest = Math.max(highest, status.epsilonSpent ?? 0);
      await m.update(SiteRow, { id }, { status, epsilonHighest, lastSeenAt: CLOCK });
      await this.events.publish(m, 'site', id, null);
    });
  }

  /** A site cannot do what it was asked; the round goes on without it where the quorum allows. */
  async refuse(site: string, refusal: Refusal): Promise<void> {
    const m = this.database.manager;
    const asked =
      refusal.subject === 'sum'
        ? await m.findOneBy(SumRow, { id: refusal.id })
        : await m.findOneBy(EpochRow, { id: refusal.id });
    const invited = asked instanceof SumRow ? asked.cohort : asked?.header.roster;
    if (!asked || !invited?.includes(site)) throw new CodedError('NOT_FOUND');
    const { runId } = await m.findOneByOrFail(RoundRow, { id: asked.roundId });
    await this.database.transaction(async (tx) => {
      await lockRun(tx, runId);
      const inserted = await tx
        .createQueryBuilder()
        .insert()
        .into(RefusalRow)
        .values({
          subject: refusal.subject,
          subjectId: refusal.id,
          site,
          code: refusal.code,
          detail: refusal.detail ?? null,
        })
        .orIgnore()
        .returning('site')
        .execute();
      if ((inserted.raw as unknown[]).length === 0) return;
      if (asked instanceof SumRow || (await isRunning(tx, asked)))
        await this.rounds.exclude(tx, asked.roundId, [{ site, code: refusal.code }]);
      await this.audit.append(tx, {
        actor: site,
        action: `${refusal.subject}.refused`,
        subject: refusal.id,
        detail: { code: refusal.code, detail: refusal.detail ?? null },
      });
    });
    await this.jobs.wake(runId, `refusal-${refusal.id}-${site}`);
  }
}

/** A ceremony that is over may have been begun again with the site. The run is locked. */
const isRunning = (tx: EntityManager, { id }: EpochRow): Promise<boolean> =>
  tx.existsBy(EpochRow, { id, state: 'running' });

/** The key a statement claims, before anything is checked. */
function claimedKey(envelope: Envelope): string {
  try {
    return enrolmentStatement.schema.parse(JSON.parse(Buffer.from(fromBase64(envelope.payload)).toString('utf8')))
      .identityKey;
  } catch {
    throw new CodedError('REQUEST_INVALID', 'the payload is no enrolment');
  }
}
