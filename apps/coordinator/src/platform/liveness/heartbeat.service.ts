import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { HeartbeatRow } from './liveness.entities.js';
import { PAUSE_MS, type Pulse } from './pause.js';

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

/** Gives what waits for sites its time again: all of the coordinator was silent for `silenceMs` until `now`. */
export type AfterPause = (tx: EntityManager, silenceMs: number, now: Date) => Promise<void>;

/** Says every second that this process runs, and tells those who wait for sites when there was a pause. */
@Injectable()
export class Heartbeat implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly extensions: AfterPause[] = [];
  private timer: NodeJS.Timeout | undefined;
  private beating: Promise<void> = Promise.resolve();

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(ROLE) private readonly role: Role,
  ) {}

  /** Before the first beat, which comes when all modules are there. */
  afterPause(extend: AfterPause): void {
    this.extensions.push(extend);
  }

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
      if (silenceMs > PAUSE_MS && !silent) for (const extend of this.extensions) await extend(tx, silenceMs, now);
    });
  }
}
