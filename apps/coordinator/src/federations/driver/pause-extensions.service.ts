import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { In, type EntityManager } from 'typeorm';
import { KeyEpochTransitions } from '../../key-epochs/key-epoch-transitions.js';
import { KeyEpochRow } from '../../key-epochs/key-epochs.entities.js';
import { CONFIG, type Config } from '../../platform/config.js';
import { lockRun } from '../../platform/database/run-lock.js';
import { Heartbeat } from '../../platform/liveness/heartbeat.service.js';
import { afterPause } from '../../platform/liveness/pause.js';
import { SumRow } from '../../secure-sums/secure-sums.entities.js';
import { SumTransitions } from '../../secure-sums/sum-transitions.js';
import { RoundRow, RunRow } from '../federations.entities.js';

/** Whoever was late while nobody could answer was not late: after a pause, what running runs wait for gets its time again. */
@Injectable()
export class PauseExtensions implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly heartbeat: Heartbeat,
    private readonly epochs: KeyEpochTransitions,
    private readonly sums: SumTransitions,
  ) {}

  onModuleInit(): void {
    this.heartbeat.afterPause((tx, silenceMs, now) => this.extend(tx, silenceMs, now));
  }

  private async extend(tx: EntityManager, silenceMs: number, now: Date): Promise<void> {
    const runs = await tx.find(RunRow, { where: { state: 'running' }, order: { id: 'ASC' } });
    // All locks before the first record: the audit log has a lock of its own, which others take after that of their run.
    for (const { id } of runs) await lockRun(tx, id);
    for (const run of runs) {
      const rounds = await tx.findBy(RoundRow, { runId: run.id });
      const of = { roundId: In(rounds.map((r) => r.id)) };
      for (const epoch of await tx.findBy(KeyEpochRow, { ...of, state: 'running' })) {
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
