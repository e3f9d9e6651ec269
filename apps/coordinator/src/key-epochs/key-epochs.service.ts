import { randomBytes, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CodedError, type Refusal, type RosterEntry } from '@koinon/contracts';
import { headerDigest, type KeyEpochHeader } from '@koinon/he';
import type { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../platform/config.js';
import { becauseOf, byCoordinator } from '../platform/database/transition.js';
import { AuditService } from '../platform/audit/audit.service.js';
import { isLate, type Pulse } from '../platform/liveness/pause.js';
import { firstDigest, stepsOf } from './ceremony.js';
import { nextKeyEpochTransition } from './key-epoch-state.js';
import { KeyEpochTransitions } from './key-epoch-transitions.js';
import { KeyEpochMessageRow, KeyEpochRefusalRow, KeyEpochRow } from './key-epochs.entities.js';

/** What a round wants a key for. */
export interface KeyEpochRequest extends Pick<KeyEpochHeader, 'scheme' | 'threshold' | 'minUploads' | 'bits' | 'sums'> {
  readonly roundId: string;
  readonly roster: readonly RosterEntry[];
}

/** What the driver asks of key epochs: to begin one and to move one on. */
@Injectable()
export class KeyEpochsService {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly transitions: KeyEpochTransitions,
    private readonly audit: AuditService,
  ) {}

  /** @returns the id of an epoch whose ceremony begins now */
  async create(m: EntityManager, { roundId, roster, ...wanted }: KeyEpochRequest, now: Date): Promise<string> {
    const header: KeyEpochHeader = {
      ...wanted,
      version: 1,
      keyEpochId: randomUUID(),
      seed: randomBytes(32).toString('hex'),
      roster: roster.map((entry) => entry.site),
    };
    await this.transitions.begin(m, {
      id: header.keyEpochId,
      roundId,
      header,
      headerSha256: headerDigest(header),
      roster: [...roster],
      stepDeadlineAt: new Date(now.getTime() + this.config.ceremonyStepMs),
    });
    return header.keyEpochId;
  }

  /** The round whose epoch a site was asked to take part in. @throws CodedError NOT_FOUND */
  async roundOf(m: EntityManager, id: string, site: string): Promise<string> {
    const epoch = await m.findOneBy(KeyEpochRow, { id });
    if (!epoch?.header.roster.includes(site)) throw new CodedError('NOT_FOUND');
    return epoch.roundId;
  }

  /** The run is locked. @returns whether the ceremony waits for the site no longer: one that is over may have begun again with it */
  async refuse(m: EntityManager, site: string, { id, code, detail: said }: Refusal): Promise<boolean> {
    const detail = said ?? null;
    const row = { keyEpochId: id, site, code, detail };
    const added = await m
      .createQueryBuilder()
      .insert()
      .into(KeyEpochRefusalRow)
      .values(row)
      .orIgnore()
      .returning('site')
      .execute();
    if ((added.raw as unknown[]).length === 0) return false;
    await this.audit.append(m, { actor: site, action: 'epoch.refused', subject: id, detail: { code, detail } });
    return m.existsBy(KeyEpochRow, { id, state: 'running' });
  }

  /** One transition inside the driver's transaction; false while the epoch waits. */
  async advance(m: EntityManager, epoch: KeyEpochRow, pulse: Pulse): Promise<boolean> {
    if (epoch.state !== 'running') return false;
    const steps = stepsOf(epoch);
    const messages = await m.findBy(KeyEpochMessageRow, { keyEpochId: epoch.id, step: steps[epoch.stepIndex]! });
    const refusals = await m.findBy(KeyEpochRefusalRow, { keyEpochId: epoch.id });
    const last = epoch.stepIndex === steps.length - 1;
    const step = nextKeyEpochTransition({
      state: epoch.state,
      roster: epoch.header.roster,
      steps,
      stepIndex: epoch.stepIndex,
      posted: messages.map((r) => r.site),
      refused: refusals.map((r) => r.site),
      deadlinePassed: isLate({ deadlineAt: epoch.stepDeadlineAt }, pulse),
      confirmations: last ? messages.map((r) => firstDigest(r.statement)) : [],
    });
    if (!step) return false;
    if (step.to === 'failed') {
      const refusal = refusals.map((r) => `${r.site}: ${r.code}`).join(', ');
      const detail = refusal || step.sites.join(', ') || null;
      return this.transitions.transition(m, epoch.id, 'failed', becauseOf({ code: step.code, detail }), {}, step.sites);
    }
    if (step.to === 'ready') return this.transitions.transition(m, epoch.id, 'ready', byCoordinator());
    const stepIndex = epoch.stepIndex + 1;
    const stepDeadlineAt = new Date(pulse.now.getTime() + this.config.ceremonyStepMs);
    return this.transitions.transition(m, epoch.id, 'running', byCoordinator({ step: steps[stepIndex] }), {
      stepIndex,
      stepDeadlineAt,
      extensions: 0,
    });
  }
}
