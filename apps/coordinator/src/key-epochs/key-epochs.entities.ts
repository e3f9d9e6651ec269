import type { Envelope, ErrorCode, Failure, RosterEntry } from '@koinon/contracts';
import type { EpochHeader } from '@koinon/he';
import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { instant, optionalJson } from '../platform/database/columns.js';

@Entity('epochs')
export class EpochRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'epochs_pk' }) id!: string;
  @Column('uuid', { name: 'round_id' }) roundId!: string;
  @ManyToOne('RoundRow') @JoinColumn({ name: 'round_id', foreignKeyConstraintName: 'epochs_round_fk' }) round?: unknown;
  @Column('jsonb') header!: EpochHeader;
  @Column('text', { name: 'header_sha256' }) headerSha256!: string;
  @Column('jsonb') roster!: RosterEntry[];
  @Column('text') state!: 'running' | 'ready' | 'over' | 'failed';
  @Column('int', { name: 'step_index' }) stepIndex!: number;
  @Column({ name: 'step_deadline_at', ...instant }) stepDeadlineAt!: Date;
  /** How often this step was given its full time again after a pause of the coordinator. */
  @Column('int', { default: 0 }) extensions!: number;
  @Column(optionalJson) failure!: (Failure & { sites: string[] }) | null;
}

@Entity('epoch_messages')
export class EpochMessageRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'epoch_messages_pk', name: 'epoch_id' }) epochId!: string;
  @ManyToOne(() => EpochRow)
  @JoinColumn({ name: 'epoch_id', foreignKeyConstraintName: 'epoch_messages_epoch_fk' })
  epoch?: Relation<EpochRow>;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'epoch_messages_pk' }) step!: string;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'epoch_messages_pk' }) site!: string;
  @Column('jsonb') statement!: Envelope;
}

@Entity('epoch_refusals')
export class EpochRefusalRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'epoch_refusals_pk', name: 'epoch_id' }) epochId!: string;
  @ManyToOne(() => EpochRow)
  @JoinColumn({ name: 'epoch_id', foreignKeyConstraintName: 'epoch_refusals_epoch_fk' })
  epoch?: Relation<EpochRow>;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'epoch_refusals_pk' }) site!: string;
  @Column('text') code!: ErrorCode;
  @Column('text', { nullable: true }) detail!: string | null;
}

export const keyEpochsEntities = [EpochRow, EpochMessageRow, EpochRefusalRow];
