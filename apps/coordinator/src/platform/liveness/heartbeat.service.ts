import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { In, type DataSource, type EntityManager } from 'typeorm';
import { SumTransitions } from '../../secure-sums/sum-transitions.js';
import { CONFIG, type Config } from '../config.js';
import { EpochRow } from '../../key-epochs/key-epochs.entities.js';
import { HeartbeatRow } from './liveness.entities.js';
import { RoundRow, RunRow } from '../../federations/federations.entities.js';
import { SumRow } from '../../secure-sums/secure-sums.entities.js';
import { lockRun } from '../database/transition.js';
import { EpochTransitions } from '../../key-epochs/epoch-transitions.js';
import { PAUSE_MS, afterPause, type Pulse } from './pause.js';

export const ROLE = Symbol('Role');
/** Both are needed for a site to get anything done. Replicas of a role share its row: one of them is enough. */
export type Role = 'http' | 'worker';

const BEAT_MS = 1_000;
const BEAT_LOCK = 0x62656174;

/** What every judgement about a deadline stands on, at one moment of the database's clock. */
export async function pulseOf(m: EntityManager): Promise<Pulse> {
  const [pulse] = await m.query<Pulse[]>(
    `SELECT clock_timestamp() AS now, coalesce(bool_or(at < clock_timestamp() - $1 * interval '1 ms'), false) AS silent FROM heartbeats`,
    [PAUSE_MS],
  );
  return pulse!;
}

/** Says every second that this process runs, and gives what waits for sites its time again when there was a pause. */
@Injectable()
export class Heartbeat implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private beating: Promise<void> = Promise.resolve();

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(ROLE) private readonly role: Role,
    private readonly epochs: EpochTransitions,
    private readonly sums: SumTransitions,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.beat();
    const again = (): void => {
      // A beat that fails is itself the silence that the next one finds.
      this.beating = this.beat().catch(() => undefined);
      void this.beating.then(() => (this.timer &&= setTimeout(again, BEAT_MS)));
    };
    this.timer = setTimeout(again, BEAT_MS);
  }

  async onModuleDestroy(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.beating;
  }

  async beat(): Promise<void> {
    await this.database.transaction(async (tx) => {
      // One after the other: of two that come back at once, each would see the other silent still, and neither would end the pause.
      await tx.query('SELECT pg_advisory_xact_lock($1)', [BEAT_LOCK]);
      const before = await tx.findOneBy(HeartbeatRow, { role: this.role });
      await tx.query(
        'INSERT INTO heartbeats (role, at) VALUES ($1, clock_timestamp()) ON CONFLICT (role) DO UPDATE SET at = excluded.at',
        [this.role],
      );
      const { now, silent } = await pulseOf(tx);
      const silenceMs = before ? now.getTime() - before.at.getTime() : 0;
      // Where the other role is silent still, it ends the pause when it comes back: one pause is counted once.
      if (silenceMs > PAUSE_MS && !silent) await this.extend(tx, silenceMs, now);
    });
  }

  private async extend(tx: EntityManager, silenceMs: number, now: Date): Promise<void> {
    const runs = await tx.find(RunRow, { where: { state: 'running' }, order: { id: 'ASC' } });
    // All locks before the first record: the audit log has a lock of its own, which others take after that of their run.
    for (const { id } of runs) await lockRun(tx, id);
    for (const run of runs) {
      const rounds = await tx.findBy(RoundRow, { runId: run.id });
      const of = { roundId: In(rounds.map((r) => r.id)) };
      for (const epoch of await tx.findBy(EpochRow, { ...of, state: 'running' })) {
        const given = afterPause(
          { deadlineAt: epoch.stepDeadlineAt, extensions: epoch.extensions },
          this.config.ceremonyStepMs,
          silenceMs,
          now,
        );
        if (given) await this.epochs.extend(tx, epoch, given);
      }
      for (const sum of await tx.findBy(SumRow, { ...of, state: In(['collecting', 'decrypting']) })) {
        const given = afterPause(sum, run.spec.sites.roundTimeoutMs, silenceMs, now);
        if (given) await this.sums.extend(tx, sum, given);
      }
    }
  }
}
