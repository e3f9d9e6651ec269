import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../platform/audit/audit.service.js';
import { KeyEpochRow } from './key-epochs.entities.js';
import { lockRunOf, runOf } from '../platform/database/run-lock.js';
import { mayFollow, type Why } from '../platform/database/transition.js';
import type { Pending } from '../platform/liveness/pause.js';
import { EventsService } from '../platform/events/events.service.js';

/** The way of an epoch to its good end, which comes with its round; `failed` is the other one. */
const epochOrder: readonly KeyEpochRow['state'][] = ['running', 'ready', 'over'];

export type NewKeyEpoch = Pick<KeyEpochRow, 'id' | 'roundId' | 'header' | 'headerSha256' | 'roster' | 'stepDeadlineAt'>;

/** The only way into a state or step of a key epoch: state, audit record and event stand or fall together. */
@Injectable()
export class KeyEpochTransitions {
  constructor(
    private readonly audit: AuditService,
    private readonly events: EventsService,
  ) {}

  /** The first state, in the first step of the ceremony. The run is locked. */
  async begin(tx: EntityManager, epoch: NewKeyEpoch): Promise<void> {
    await tx.insert(KeyEpochRow, {
      ...epoch,
      header: epoch.header as never,
      state: 'running',
      stepIndex: 0,
      failure: null,
    });
    const { roster, threshold, minUploads } = epoch.header;
    const detail = { round: epoch.roundId, roster, threshold, minUploads };
    await this.audit.append(tx, { actor: 'coordinator', action: 'epoch.created', subject: epoch.id, detail });
    await this.events.publish(tx, 'key-epoch', epoch.id, await runOf(tx, epoch.roundId));
  }

  /**
   * `running` is entered once more by each step, with its index and deadline.
   * @param sites who spoiled the ceremony, where it failed
   * @returns false where the epoch had ended or was further already; then nothing is written
   */
  async transition(
    tx: EntityManager,
    id: string,
    to: KeyEpochRow['state'],
    why: Why,
    set: Partial<Pick<KeyEpochRow, 'stepIndex' | 'stepDeadlineAt' | 'extensions'>> = {},
    sites: readonly string[] = [],
  ): Promise<boolean> {
    const { roundId } = await tx.findOneByOrFail(KeyEpochRow, { id });
    const runId = await lockRunOf(tx, roundId);
    const { state } = await tx.findOneOrFail(KeyEpochRow, { where: { id }, lock: { mode: 'pessimistic_write' } });
    if (to === 'running' ? state !== 'running' : !mayFollow(epochOrder, state, to)) return false;
    await tx.update(
      KeyEpochRow,
      { id },
      { ...set, state: to, failure: why.failure ? { ...why.failure, sites: [...sites] } : null },
    );
    const detail = { round: roundId, code: why.failure?.code ?? null, ...why.detail };
    await this.audit.append(tx, { actor: why.actor, action: `epoch.${to}`, subject: id, detail });
    await this.events.publish(tx, 'key-epoch', id, runId);
    return true;
  }

  /** More time for the step a running epoch waits in, after a pause of the coordinator. The run is locked. */
  async extend(tx: EntityManager, { id, roundId }: KeyEpochRow, { deadlineAt, extensions }: Pending): Promise<void> {
    await tx.update(KeyEpochRow, { id, state: 'running' }, { stepDeadlineAt: deadlineAt, extensions });
    await this.audit.append(tx, {
      actor: 'coordinator',
      action: 'epoch.extended',
      subject: id,
      detail: { round: roundId, extensions },
    });
  }
}
