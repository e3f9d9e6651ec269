import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { FailedJob } from '@koinon/contracts';
import type { DataSource } from 'typeorm';
import { JobFailureRow } from './jobs.entities.js';

/** The newest so many are kept: a disk that stays full must not fill the database too. */
const KEPT = 1_000;
const SHOWN = 100;

/** Failed jobs for people to see. They live here and not in the queue, where a kept one would be in the way of its own retry. */
@Injectable()
export class JobFailures {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async record(failure: Omit<FailedJob, 'at'>): Promise<void> {
    await this.database.transaction(async (tx) => {
      const { identifiers } = await tx.insert(JobFailureRow, {
        ...failure,
        data: failure.data as never,
        at: new Date(),
      });
      await tx.query('DELETE FROM job_failures WHERE id <= $1', [Number(identifiers[0]!['id']) - KEPT]);
    });
  }

  async newest(): Promise<FailedJob[]> {
    const rows = await this.database.manager.find(JobFailureRow, { order: { id: 'DESC' }, take: SHOWN });
    return rows.map(({ at, job, data, code, attempt, gaveUp }) => ({
      at: at.toISOString(),
      job,
      data,
      code,
      attempt,
      gaveUp,
    }));
  }
}
