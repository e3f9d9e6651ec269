import { randomInt, randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { selectCohort } from '@koinon/strategies';
import { isAway, sitesOffering } from '../../identity/presence.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { EventsService } from '../../platform/events/events.service.js';
import { RoundRow, type RunRow } from '../federations.entities.js';
import { strategyOf } from './strategy.js';

/** Uniform on [0, 1) from the system's CSPRNG: nobody may foresee a cohort. */
const uniform = (): number => randomInt(2 ** 47) / 2 ** 47;

/** What a round takes over from the one before. */
export type PlannedRound = Pick<RoundRow, 'number' | 'baseVersion' | 'told' | 'counted'>;

/** Draws who takes part in a round, and in what. */
@Injectable()
export class RoundPlanner {
  constructor(
    private readonly audit: AuditService,
    private readonly events: EventsService,
  ) {}

  async plan(
    m: EntityManager,
    run: RunRow,
    at: Date,
    { number, baseVersion, told, counted }: PlannedRound,
  ): Promise<void> {
    const tasks = [...strategyOf(run.spec).tasks({ told })];
    const sites = await sitesOffering(m, tasks);
    const away = sites.filter((s) => isAway(s, at)).map((s) => s.id);
    const { fraction, min } = run.spec.sites;
    const ids = sites.map((s) => s.id).toSorted();
    const cohort = selectCohort(ids, { fraction, minSites: min, away }, uniform).toSorted();
    const id = randomUUID();
    await m.insert(RoundRow, {
      id,
      runId: run.id,
      number,
      state: 'planned',
      cohort,
      exclusions: [],
      tasks,
      counted,
      told: {},
      keyEpochId: null,
      baseVersion,
      version: null,
      strategySha256: null,
      metrics: null,
      failure: null,
      timeline: [{ state: 'planned', at: at.toISOString() }],
      startedAt: at,
      finishedAt: null,
    });
    const detail = { run: run.id, round: number, cohort, tasks };
    await this.audit.append(m, { actor: 'coordinator', action: 'round.planned', subject: id, detail });
    await this.events.publish(m, 'round', id, run.id);
  }

  /** Sites that were not drawn and are there, in an order nobody can foresee. */
  async spares(m: EntityManager, { cohort, exclusions, tasks }: RoundRow, now: Date): Promise<string[]> {
    const taken = new Set([...cohort, ...exclusions.map((e) => e.site)]);
    const present = (await sitesOffering(m, tasks)).filter((s) => !taken.has(s.id) && !isAway(s, now));
    const drawn = present.map(({ id }) => ({ id, at: uniform() }));
    return drawn.toSorted((a, b) => a.at - b.at).map(({ id }) => id);
  }
}
