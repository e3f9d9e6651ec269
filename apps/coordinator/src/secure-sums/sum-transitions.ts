import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../platform/audit/audit.service.js';
import { SumRow, type SumState } from './secure-sums.entities.js';
import { lockRunOf, runOf } from '../platform/database/run-lock.js';
import { mayFollow, type Why } from '../platform/database/transition.js';
import type { Pending } from '../platform/liveness/pause.js';
import { EventsService } from '../platform/events/events.service.js';
import { sumOrder } from './sum-state.js';

/** What a sum learns when it enters a state. */
export type SumFindings = Partial<Pick<SumRow, 'uploads' | 'decryptors' | 'commitment' | 'deadlineAt' | 'extensions'>>;

/** What a round wants summed. */
export type SumRequest = Pick<
  SumRow,
  'roundId' | 'task' | 'sumIndex' | 'cohort' | 'length' | 'modelSha256' | 'deadlineAt'
>;

export type NewSum = SumRequest & Pick<SumRow, 'id' | 'keyEpochId' | 'blocks'>;

/** The only way into a state of a sum: state, timeline, audit record and event stand or fall together. */
@Injectable()
export class SumTransitions {
  constructor(
    private readonly audit: AuditService,
    private readonly events: EventsService,
  ) {}

  /** The first state: its cohort is asked. The run is locked. */
  async begin(tx: EntityManager, sum: NewSum): Promise<void> {
    const timeline = [{ state: 'collecting' as const, at: new Date().toISOString() }];
    await tx.insert(SumRow, { ...sum, state: 'collecting', timeline, combined: false });
    const detail = { round: sum.roundId, sumIndex: sum.sumIndex, cohort: sum.cohort };
    await this.audit.append(tx, { actor: 'coordinator', action: 'sum.collecting', subject: sum.id, detail });
    await this.events.publish(tx, 'round', sum.roundId, await runOf(tx, sum.roundId));
  }

  /** @returns false where the sum was over or further already; then nothing is written */
  async transition(tx: EntityManager, id: string, to: SumState, why: Why, set: SumFindings = {}): Promise<boolean> {
    const { roundId } = await tx.findOneByOrFail(SumRow, { id });
    const runId = await lockRunOf(tx, roundId);
    const sum = await tx.findOneOrFail(SumRow, { where: { id }, lock: { mode: 'pessimistic_write' } });
    if (!mayFollow(sumOrder, sum.state, to)) return false;
    const timeline = [...sum.timeline, { state: to, at: new Date().toISOString() }];
    await tx.update(SumRow, { id }, { ...set, state: to, timeline, failure: why.failure ?? null });
    const detail = { round: roundId, task: sum.task, code: why.failure?.code ?? null, ...why.detail };
    await this.audit.append(tx, { actor: why.actor, action: `sum.${to}`, subject: id, detail });
    await this.events.publish(tx, 'round', roundId, runId);
    return true;
  }

  /** More time for the sites a sum waits for, after a pause of the coordinator. The run is locked. */
  async extend(tx: EntityManager, { id, roundId, state }: SumRow, given: Pending): Promise<void> {
    await tx.update(SumRow, { id, state }, { ...given });
    await this.audit.append(tx, {
      actor: 'coordinator',
      action: 'sum.extended',
      subject: id,
      detail: { round: roundId, extensions: given.extensions },
    });
  }
}
