import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Refusal } from '@koinon/contracts';
import type { DataSource } from 'typeorm';
import { KeyEpochsService } from '../../key-epochs/key-epochs.service.js';
import { lockRunOf, runOf } from '../../platform/database/run-lock.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import { SecureSumsService } from '../../secure-sums/secure-sums.service.js';
import { RoundTransitions } from './round-transitions.js';

/** A site cannot do what it was asked; the round goes on without it where the quorum allows. */
@Injectable()
export class Refusals {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly epochs: KeyEpochsService,
    private readonly sums: SecureSumsService,
    private readonly rounds: RoundTransitions,
    private readonly jobs: JobsService,
  ) {}

  /** @throws CodedError NOT_FOUND */
  async take(site: string, refusal: Refusal): Promise<void> {
    const { subject, id, code } = refusal;
    const asked = subject === 'sum' ? this.sums : this.epochs;
    const roundId = await asked.roundOf(this.database.manager, id, site);
    await this.database.transaction(async (tx) => {
      await lockRunOf(tx, roundId);
      if (await asked.refuse(tx, site, refusal)) await this.rounds.exclude(tx, roundId, [{ site, code }]);
    });
    await this.jobs.wake(await runOf(this.database.manager, roundId), `refusal-${id}-${site}`);
  }
}
