/** Secure sums. `secure-sums` alone writes them, and a state is written by SumTransitions alone. */
import type { Envelope, ErrorCode, Failure } from '@koinon/contracts';
import type { TaskName } from '@koinon/secure-tasks';
import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { instant, optionalJson, wholeNumber } from '../platform/database/columns.js';

export type SumState = 'collecting' | 'freezing' | 'aggregating' | 'decrypting' | 'combining' | 'done' | 'failed';

/**
 * `collecting → commitment → aggregating → decrypting → combining → done`, or `failed` from any. What a state sets stays.
 * - collecting: waits until `deadlineAt` for uploads of `cohort`.
 * - commitment: `uploads` are fixed, in the order of the cohort, and never change again.
 * - aggregating: `sumRoot` is null until every block is added.
 * - decrypting: `decryptors` and the signed `commitment` are fixed; waits until `deadlineAt` for one share of each.
 * - combining: `combined` and `resultSha256` are set together.
 * In the other states `deadlineAt` means nothing.
 */
@Entity('sums')
@Index('sums_key_epoch_index', ['keyEpochId', 'sumIndex'], { unique: true })
export class SumRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'sums_pk' }) id!: string;
  @Column('uuid', { name: 'round_id' }) roundId!: string;
  @ManyToOne('RoundRow') @JoinColumn({ name: 'round_id', foreignKeyConstraintName: 'sums_round_fk' }) round?: unknown;
  @Column('uuid', { name: 'key_epoch_id' }) keyEpochId!: string;
  @ManyToOne('KeyEpochRow')
  @JoinColumn({ name: 'key_epoch_id', foreignKeyConstraintName: 'sums_key_epoch_fk' })
  epoch?: unknown;
  @Column('text') task!: TaskName;
  @Column('int', { name: 'sum_index' }) sumIndex!: number;
  @Column('text') state!: SumState;
  @Column('text', { array: true }) cohort!: string[];
  /** Values in the summed vector. */
  @Column('int') length!: number;
  @Column('int') blocks!: number;
  /** The model that the task is about. */
  @Column('text', { name: 'model_sha256' }) modelSha256!: string;
  @Column({ name: 'deadline_at', ...instant }) deadlineAt!: Date;
  /** How often this deadline was set again after a pause of the coordinator. */
  @Column('int', { default: 0 }) extensions!: number;
  /** Frozen with the state `freezing`, never changed after. */
  @Column(optionalJson) uploads!: { site: string; root: string }[] | null;
  @Column('text', { name: 'decryptors', array: true, nullable: true }) decryptors!: string[] | null;
  @Column('text', { name: 'sum_root', nullable: true }) sumRoot!: string | null;
  @Column(optionalJson) commitment!: Envelope | null;
  @Column('boolean', { default: false }) combined!: boolean;
  /** Digest of the decrypted sum, from the moment it is combined. */
  @Column('text', { name: 'result_sha256', nullable: true }) resultSha256!: string | null;
  /** When each state was entered. */
  @Column('jsonb', { default: [] }) timeline!: { state: SumState; at: string }[];
  @Column(optionalJson) failure!: Failure | null;
}

/** A block a site has sent; it may be sent again until the upload is committed. */
@Entity('upload_blocks')
export class UploadBlockRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'upload_blocks_pk', name: 'sum_id' }) sumId!: string;
  @ManyToOne(() => SumRow)
  @JoinColumn({ name: 'sum_id', foreignKeyConstraintName: 'upload_blocks_sum_fk' })
  sum?: Relation<SumRow>;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'upload_blocks_pk' }) site!: string;
  @PrimaryColumn('int', { primaryKeyConstraintName: 'upload_blocks_pk', name: 'block_index' }) index!: number;
  @Column('text') sha256!: string;
}

/** A block of the sum that has been added, by whichever worker did. */
@Entity('sum_blocks')
export class SumBlockRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'sum_blocks_pk', name: 'sum_id' }) sumId!: string;
  @ManyToOne(() => SumRow)
  @JoinColumn({ name: 'sum_id', foreignKeyConstraintName: 'sum_blocks_sum_fk' })
  sum?: Relation<SumRow>;
  @PrimaryColumn('int', { primaryKeyConstraintName: 'sum_blocks_pk', name: 'block_index' }) index!: number;
  @Column('text') sha256!: string;
}

/** An upload that its site has finished and signed: one for each site and sum, for good. */
@Entity('uploads')
export class UploadRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'uploads_pk', name: 'sum_id' }) sumId!: string;
  @ManyToOne(() => SumRow)
  @JoinColumn({ name: 'sum_id', foreignKeyConstraintName: 'uploads_sum_fk' })
  sum?: Relation<SumRow>;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'uploads_pk' }) site!: string;
  @Column('text') root!: string;
  /** More than 32 bits hold for a large model. */
  @Column('bigint', { transformer: wholeNumber }) bytes!: number;
  @Column('jsonb') statement!: Envelope;
}

/** A site's decryption share, stored and signed: one for each site and sum, for good. */
@Entity('decryption_shares')
export class DecryptionShareRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'decryption_shares_pk', name: 'sum_id' }) sumId!: string;
  @ManyToOne(() => SumRow)
  @JoinColumn({ name: 'sum_id', foreignKeyConstraintName: 'decryption_shares_sum_fk' })
  sum?: Relation<SumRow>;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'decryption_shares_pk' }) site!: string;
  @Column('text') sha256!: string;
  @Column('jsonb') statement!: Envelope;
}

/** Why a site sends no upload or no share. */
@Entity('sum_refusals')
export class SumRefusalRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'sum_refusals_pk', name: 'sum_id' }) sumId!: string;
  @ManyToOne(() => SumRow)
  @JoinColumn({ name: 'sum_id', foreignKeyConstraintName: 'sum_refusals_sum_fk' })
  sum?: Relation<SumRow>;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'sum_refusals_pk' }) site!: string;
  @Column('text') code!: ErrorCode;
  @Column('text', { nullable: true }) detail!: string | null;
}

export const secureSumsEntities = [SumRow, UploadBlockRow, SumBlockRow, UploadRow, DecryptionShareRow, SumRefusalRow];
