/** Key epochs. `key-epochs` alone writes them, and a state or step is written by KeyEpochTransitions alone. */
import type { Envelope, ErrorCode, Failure, RosterEntry } from '@koinon/contracts';
import type { KeyEpochHeader } from '@koinon/he';
import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { instant, optionalJson } from '../platform/database/columns.js';

/**
 * The life of one collective key: `running → ready → over`, or `failed` from either. It ends with its round.
 * - running: `stepIndex` is the step of the ceremony that waits for messages, until `stepDeadlineAt`.
 * - ready: every site confirmed the same transcript; step and deadline mean nothing any more.
 * - failed: `failure` names the sites that spoiled the ceremony, and none where nobody is to blame. Its sums end with it.
 */
@Entity('key_epochs')
export class KeyEpochRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'key_epochs_pk' }) id!: string;
  @Column('uuid', { name: 'round_id' }) roundId!: string;
  @ManyToOne('RoundRow')
  @JoinColumn({ name: 'round_id', foreignKeyConstraintName: 'key_epochs_round_fk' })
  round?: unknown;
  @Column('jsonb') header!: KeyEpochHeader;
  @Column('text', { name: 'header_sha256' }) headerSha256!: string;
  @Column('jsonb') roster!: RosterEntry[];
  @Column('text') state!: 'running' | 'ready' | 'over' | 'failed';
  @Column('int', { name: 'step_index' }) stepIndex!: number;
  @Column({ name: 'step_deadline_at', ...instant }) stepDeadlineAt!: Date;
  /** How often this step was given its full time again after a pause of the coordinator. */
  @Column('int', { default: 0 }) extensions!: number;
  @Column(optionalJson) failure!: (Failure & { sites: string[] }) | null;
}

/** What a site signed in a step of the ceremony, once; the bodies lie in the blob store under the digests it names. */
@Entity('key_epoch_messages')
export class KeyEpochMessageRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'key_epoch_messages_pk', name: 'key_epoch_id' })
  keyEpochId!: string;
  @ManyToOne(() => KeyEpochRow)
  @JoinColumn({ name: 'key_epoch_id', foreignKeyConstraintName: 'key_epoch_messages_epoch_fk' })
  epoch?: Relation<KeyEpochRow>;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'key_epoch_messages_pk' }) step!: string;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'key_epoch_messages_pk' }) site!: string;
  @Column('jsonb') statement!: Envelope;
}

/** Why a site takes no part; one that refuses while the ceremony runs ends it. */
@Entity('key_epoch_refusals')
export class KeyEpochRefusalRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'key_epoch_refusals_pk', name: 'key_epoch_id' })
  keyEpochId!: string;
  @ManyToOne(() => KeyEpochRow)
  @JoinColumn({ name: 'key_epoch_id', foreignKeyConstraintName: 'key_epoch_refusals_epoch_fk' })
  epoch?: Relation<KeyEpochRow>;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'key_epoch_refusals_pk' }) site!: string;
  @Column('text') code!: ErrorCode;
  @Column('text', { nullable: true }) detail!: string | null;
}

export const keyEpochsEntities = [KeyEpochRow, KeyEpochMessageRow, KeyEpochRefusalRow];
