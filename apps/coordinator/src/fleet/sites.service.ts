import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, type Refusal, type SiteStatus, type SiteView } from '@koinon/contracts';
import { keyIdOf } from '@koinon/signing';
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

/** What a site spent only grows. Below this part of its mirror it is a ledger that was lost, and no finer accountant. */
const isLower = (epsilon: number | null, highest: number): boolean =>
  epsilon !== null && epsilon < highest * (1 - 1e-3);

@Injectable()
export class SitesService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly audit: AuditService,
    private readonly events: EventsService,
    private readonly rounds: RoundTransitions,
    private readonly jobs: JobsService,
  ) {}

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
