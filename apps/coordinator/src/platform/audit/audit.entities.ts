import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { instant } from '../database/columns.js';

/** One thing that happened. Rows are only ever added, each with the hash of the one before in its own. */
@Entity('audit_log')
export class AuditRow {
  @PrimaryGeneratedColumn('identity', {
    primaryKeyConstraintName: 'audit_log_pk',
    generatedIdentity: 'ALWAYS',
    type: 'bigint',
  })
  seq!: string;
  @Column(instant) at!: Date;
  @Column('text') actor!: string;
  @Column('text') action!: string;
  @Column('text') subject!: string;
  @Column('jsonb') detail!: Record<string, unknown>;
  @Column('text', { name: 'previous_hash' }) previousHash!: string;
  @Column('text') hash!: string;
}

export const auditEntities = [AuditRow];
