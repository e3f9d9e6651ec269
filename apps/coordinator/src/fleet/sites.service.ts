import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { SiteStatus, SiteView } from '@koinon/contracts';
import { keyFingerprintOf } from '@koinon/signing';
import type { DataSource } from 'typeorm';
import { SiteRow } from '../identity/identity.entities.js';
import { recordOffers } from '../identity/presence.js';
import { AuditService } from '../platform/audit/audit.service.js';
import { EventsService } from '../platform/events/events.service.js';
import { RegistryService, type Serving } from '../registry/registry.service.js';
import { SiteStatusRow } from './fleet.entities.js';

/** What a site spent only grows. Below this part of its mirror it is a ledger that was lost, and no finer accountant. */
const isLower = (epsilon: number | null, highest: number): boolean =>
  epsilon !== null && epsilon < highest * (1 - 1e-3);

/** What sites say of themselves. */
@Injectable()
export class SitesService implements OnModuleInit {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly audit: AuditService,
    private readonly events: EventsService,
    private readonly registry: RegistryService,
  ) {}

  onModuleInit(): void {
    this.registry.serving = () => this.serving();
  }

  async list(): Promise<SiteView[]> {
    const sites = await this.database.manager.find(SiteRow, { order: { id: 'ASC' } });
    const reported = new Map((await this.database.manager.find(SiteStatusRow)).map((row) => [row.site, row]));
    return Promise.all(sites.map((site) => viewOf(site, reported.get(site.id))));
  }

  async report(id: string, status: SiteStatus): Promise<void> {
    await this.database.transaction(async (m) => {
      // The site's own row orders its reports, also the first two.
      const site = await m.findOneOrFail(SiteRow, { where: { id }, lock: { mode: 'pessimistic_write' } });
      await recordOffers(m, site, status.offers);
      const before = await m.findOneBy(SiteStatusRow, { site: id });
      const highest = before?.epsilonHighest ?? 0;
      if (isLower(status.epsilonSpent, highest) && !isLower(before?.status.epsilonSpent ?? null, highest)) {
        const detail = { from: highest, to: status.epsilonSpent };
        await this.audit.append(m, { actor: id, action: 'site.epsilon-lowered', subject: id, detail });
      }
      const epsilonHighest = Math.max(highest, status.epsilonSpent ?? 0);
      await m.upsert(SiteStatusRow, { site: id, status: status as never, epsilonHighest }, ['site']);
      await this.events.publish(m, 'site', id, null);
    });
  }

  private async serving(): Promise<Serving[]> {
    const rows = await this.database.manager.find(SiteStatusRow, { order: { site: 'ASC' } });
    return rows.flatMap(({ site, status }) => status.serving.map(({ model, version }) => ({ site, model, version })));
  }
}

async function viewOf(site: SiteRow, reported: SiteStatusRow | undefined): Promise<SiteView> {
  const highest = reported?.epsilonHighest ?? 0;
  return {
    id: site.id,
    name: site.name,
    state: site.state,
    keyFingerprint: site.identityKey ? await keyFingerprintOf(site.identityKey) : null,
    enrolledAt: site.enrolledAt?.toISOString() ?? null,
    lastSeenAt: site.lastSeenAt?.toISOString() ?? null,
    status: reported?.status ?? null,
    epsilonForgotten: isLower(reported?.status.epsilonSpent ?? null, highest) ? highest : null,
  };
}
