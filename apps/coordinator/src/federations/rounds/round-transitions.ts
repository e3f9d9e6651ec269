import { Injectable } from '@nestjs/common';
import { In, Not, type EntityManager } from 'typeorm';
import { SumTransitions } from '../../secure-sums/sum-transitions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { KeyEpochRow } from '../../key-epochs/key-epochs.entities.js';
import { RoundRow, type RoundState } from '../federations.entities.js';
import { SumRow } from '../../secure-sums/secure-sums.entities.js';
import { lockRunOf } from '../../platform/database/run-lock.js';
import { byCoordinator, mayFollow, type Why } from '../../platform/database/transition.js';
import { EventsService } from '../../platform/events/events.service.js';
import { KeyEpochTransitions } from '../../key-epochs/key-epoch-transitions.js';
import { roundOrder, withExclusions } from './round-state.js';

/** The only way into another state of a round: state, timeline, audit record and event stand or fall together. */
@Injectable()
export class RoundTransitions {
  constructor(
    private readonly epochs: KeyEpochTransitions,
    private readonly sums: SumTransitions,
    private readonly audit: AuditService,
    private readonly events: EventsService,
  ) {}

  /** @returns false where the round was over or further already; then nothing is written */
  async transition(
    tx: EntityManager,
    id: string,
    to: RoundState,
    why: Why,
    set: Partial<Pick<RoundRow, 'metrics'>> = {},
  ): Promise<boolean> {
    const runId = await lockRunOf(tx, id);
    const round = await tx.findOneOrFail(RoundRow, { where: { id }, lock: { mode: 'pessimistic_write' } });
    if (!mayFollow(roundOrder, round.state, to)) return false;
    const isOver = to === 'done' || to === 'failed';
    if (isOver) await this.endParts(tx, id, why);
    const at = new Date();
    const finishedAt = isOver ? at : null;
    const timeline = [...round.timeline, { state: to, at: at.toISOString() }];
    await tx.update(RoundRow, { id }, { ...set, state: to, timeline, finishedAt, failure: why.failure ?? null });
    const detail = { run: runId, round: round.number, code: why.failure?.code ?? null, ...why.detail };
    await this.audit.append(tx, { actor: why.actor, action: `round.${to}`, subject: id, detail });
    await this.events.publish(tx, 'round', id, runId);
    return true;
  }

  /** Records why sites were left out. @returns false where the round is over: it stays as it ended */
  async exclude(tx: EntityManager, id: string, added: RoundRow['exclusions']): Promise<boolean> {
    const runId = await lockRunOf(tx, id);
    const round = await tx.findOneOrFail(RoundRow, { where: { id }, lock: { mode: 'pessimistic_write' } });
    if (round.state === 'done' || round.state === 'failed') return false;
    const exclusions = withExclusions(round.exclusions, added);
    const excluded = exclusions.slice(round.exclusions.length);
    if (excluded.length === 0) return true;
    await tx.update(RoundRow, { id }, { exclusions });
    const detail = { run: runId, round: round.number, excluded };
    await this.audit.append(tx, { actor: 'coordinator', action: 'round.excluded', subject: id, detail });
    await this.events.publish(tx, 'round', id, runId);
    return true;
  }

  /** A round that ends leaves nothing behind that a site would still work for: a key epoch lives for one round at most. */
  private async endParts(tx: EntityManager, roundId: string, why: Why): Promise<void> {
    for (const { id, state } of await tx.findBy(KeyEpochRow, { roundId, state: In(['running', 'ready']) })) {
      if (state === 'running') await this.epochs.transition(tx, id, 'failed', why);
      else await this.epochs.transition(tx, id, 'over', byCoordinator());
    }
    for (const { id } of await tx.findBy(SumRow, { roundId, state: Not(In(['done', 'failed'])) }))
      await this.sums.transition(tx, id, 'failed', why);
  }
}
