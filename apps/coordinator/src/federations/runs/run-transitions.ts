import { Injectable } from '@nestjs/common';
import { In, Not, type EntityManager } from 'typeorm';
import { AuditService } from '../../platform/audit/audit.service.js';
import { RoundRow, RunRow } from '../federations.entities.js';
import { lockRun } from '../../platform/database/run-lock.js';
import { mayFollow, type Why } from '../../platform/database/transition.js';
import { EventsService } from '../../platform/events/events.service.js';
import { RoundTransitions } from '../rounds/round-transitions.js';

const runOrder: readonly RunRow['state'][] = ['running', 'done'];

/** The only way into another state of a run: state, audit record and event stand or fall together. */
@Injectable()
export class RunTransitions {
  constructor(
    private readonly rounds: RoundTransitions,
    private readonly audit: AuditService,
    private readonly events: EventsService,
  ) {}

  /** @returns false where the run was over already; then nothing is written */
  async transition(tx: EntityManager, id: string, to: 'done' | 'failed' | 'cancelled', why: Why): Promise<boolean> {
    await lockRun(tx, id);
    const run = await tx.findOneBy(RunRow, { id });
    if (!run || !mayFollow(runOrder, run.state, to)) return false;
    const open = await tx.findBy(RoundRow, { runId: id, state: Not(In(['done', 'failed'])) });
    for (const round of open) await this.rounds.transition(tx, round.id, 'failed', why);
    await tx.update(RunRow, { id }, { state: to, finishedAt: new Date(), failure: why.failure ?? null });
    await this.audit.append(tx, {
      actor: why.actor,
      action: `run.${to}`,
      subject: id,
      detail: { code: why.failure?.code ?? null, ...why.detail },
    });
    await this.events.publish(tx, 'run', id, id);
    return true;
  }
}
