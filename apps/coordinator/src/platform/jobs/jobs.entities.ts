import type { ErrorCode } from '@koinon/contracts';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { instant } from '../database/columns.js';

/** A job that failed, once per attempt. */
@Entity('job_failures')
export class JobFailureRow {
  @PrimaryGeneratedColumn('identity', {
    primaryKeyConstraintName: 'job_failures_pk',
    generatedIdentity: 'ALWAYS',
    type: 'bigint',
  })
  id!: string;
  @Column(instant) at!: Date;
  @Column('text') job!: string;
  /** Ids of what it was about. */
  @Column('jsonb') data!: Record<string, unknown>;
  @Column('text') code!: ErrorCode;
  @Column('int') attempt!: number;
  @Column('boolean', { name: 'gave_up' }) gaveUp!: boolean;
}

export const jobsEntities = [JobFailureRow];
