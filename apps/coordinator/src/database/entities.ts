/** Tables. Rows hold what is true; bytes live in the blob store under the digests and ids named here. */
import {
  Column,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  type Relation,
} from 'typeorm';
import type {
  Envelope,
  ErrorCode,
  Failure,
  Federation,
  Fit,
  Lineage,
  Metrics,
  RosterEntry,
  RoundState,
  SiteStatus,
} from '@koinon/contracts';
import type { EpochHeader } from '@koinon/he';

const instant = { type: 'timestamptz' } as const;
const optionalInstant = { type: 'timestamptz', nullable: true } as const;
const optionalJson = { type: 'jsonb', nullable: true } as const;

@Entity('sites')
export class SiteRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'sites_pk' }) id!: string;
  @Column('text') name!: string;
  @Column('text') state!: 'invited' | 'enrolled';
  @Column('text', { name: 'token_sha256', nullable: true }) tokenSha256!: string | null;
  @Column({ name: 'token_expires_at', ...optionalInstant }) tokenExpiresAt!: Date | null;
  @Column('text', { name: 'identity_key', nullable: true }) identityKey!: string | null;
  @Column('text', { name: 'sealing_key', nullable: true }) sealingKey!: string | null;
  @Column({ name: 'enrolled_at', ...optionalInstant }) enrolledAt!: Date | null;
  @Column({ name: 'last_seen_at', ...optionalInstant }) lastSeenAt!: Date | null;
  @Column(optionalJson) status!: SiteStatus | null;
  /** The largest ε the site ever reported: a mirror that can only grow. */
  @Column('float8', { name: 'epsilon_highest', nullable: true }) epsilonHighest!: number | null;
}

@Entity('api_tokens')
export class ApiTokenRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'api_tokens_pk' }) sha256!: string;
  @Column('text') name!: string;
  @Column('text') scope!: 'operator' | 'viewer';
}

/** A nonce is taken once, by whichever replica sees it first. */
@Entity('request_nonces')
export class RequestNonceRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'request_nonces_pk' }) site!: string;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'request_nonces_pk' }) nonce!: string;
  @Column({ name: 'kept_until', ...instant }) keptUntil!: Date;
}

@Entity('runs')
@Index('runs_one_active', ['federation'], { unique: true, where: "state = 'running'" })
export class RunRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'runs_pk' }) id!: string;
  @Column('text') federation!: string;
  @Column('jsonb') spec!: Federation;
  @Column('text', { name: 'model_sha256' }) modelSha256!: string;
  @Column('text', { name: 'feature_schema_sha256' }) featureSchemaSha256!: string;
  /** Values of the trainable parameters together. */
  @Column('int') parameters!: number;
  @Column('int', { nullable: true }) seed!: number | null;
  @Column('float8', { name: 'noise_multiplier' }) noiseMultiplier!: number;
  /** Number of rounds → ε of a record after them, as far as somebody asked for it. */
  @Column('jsonb', { name: 'epsilon_after' }) epsilonAfter!: Readonly<Record<string, number>>;
  @Column('text') state!: 'running' | 'done' | 'failed' | 'cancelled';
  @Column(optionalJson) failure!: Failure | null;
  @Column({ name: 'started_at', ...instant }) startedAt!: Date;
  @Column({ name: 'finished_at', ...optionalInstant }) finishedAt!: Date | null;
}

@Entity('rounds')
@Index('rounds_run_number', ['runId', 'number'], { unique: true })
export class RoundRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'rounds_pk' }) id!: string;
  @Column('uuid', { name: 'run_id' }) runId!: string;
  @ManyToOne(() => RunRow)
  @JoinColumn({ name: 'run_id', foreignKeyConstraintName: 'rounds_run_fk' })
  run?: Relation<RunRow>;
  @Column('int') number!: number;
  @Column('text') state!: RoundState;
  @Column('text', { array: true }) cohort!: string[];
  @Column('jsonb') exclusions!: { site: string; code: ErrorCode }[];
  /** What the strategy asked of this round's sites. */
  @Column('jsonb') fit!: Fit;
  @Column('uuid', { name: 'epoch_id', nullable: true }) epochId!: string | null;
  @Column('int', { name: 'base_version' }) baseVersion!: number;
  @Column('int', { nullable: true }) version!: number | null;
  /** Digest of the strategy's state after this round. */
  @Column('text', { name: 'strategy_sha256', nullable: true }) strategySha256!: string | null;
  @Column(optionalJson) metrics!: Metrics | null;
  @Column(optionalJson) failure!: Failure | null;
  @Column('jsonb') timeline!: { state: RoundState; at: string }[];
  @Column({ name: 'started_at', ...instant }) startedAt!: Date;
  @Column({ name: 'finished_at', ...optionalInstant }) finishedAt!: Date | null;
  /** Its uploads, sums, shares and ceremony bodies are removed; digests and statements stay. */
  @Column('boolean', { default: false }) cleared!: boolean;
}

@Entity('epochs')
export class EpochRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'epochs_pk' }) id!: string;
  @Column('uuid', { name: 'round_id' }) roundId!: string;
  @ManyToOne(() => RoundRow)
  @JoinColumn({ name: 'round_id', foreignKeyConstraintName: 'epochs_round_fk' })
  round?: Relation<RoundRow>;
  @Column('jsonb') header!: EpochHeader;
  @Column('text', { name: 'header_sha256' }) headerSha256!: string;
  @Column('jsonb') roster!: RosterEntry[];
  @Column('text') state!: 'running' | 'ready' | 'failed';
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

export type SumState = 'collecting' | 'closing' | 'aggregating' | 'decrypting' | 'combining' | 'done' | 'failed';

@Entity('sums')
@Index('sums_epoch_index', ['epochId', 'sumIndex'], { unique: true })
export class SumRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'sums_pk' }) id!: string;
  @Column('uuid', { name: 'round_id' }) roundId!: string;
  @ManyToOne(() => RoundRow)
  @JoinColumn({ name: 'round_id', foreignKeyConstraintName: 'sums_round_fk' })
  round?: Relation<RoundRow>;
  @Column('uuid', { name: 'epoch_id' }) epochId!: string;
  @ManyToOne(() => EpochRow)
  @JoinColumn({ name: 'epoch_id', foreignKeyConstraintName: 'sums_epoch_fk' })
  epoch?: Relation<EpochRow>;
  @Column('text') purpose!: 'update' | 'evaluation';
  @Column('int', { name: 'sum_index' }) sumIndex!: number;
  @Column('text') state!: SumState;
  @Column('text', { array: true }) cohort!: string[];
  /** Values in the summed vector. */
  @Column('int') length!: number;
  @Column('int') blocks!: number;
  /** What the sum is about: the weights to train from or the version to evaluate. */
  @Column('text', { name: 'model_sha256' }) modelSha256!: string;
  @Column({ name: 'deadline_at', ...instant }) deadlineAt!: Date;
  /** How often this deadline was set again after a pause of the coordinator. */
  @Column('int', { default: 0 }) extensions!: number;
  /** Fixed when the sum closes, never changed after. */
  @Column(optionalJson) uploads!: { site: string; root: string }[] | null;
  @Column('text', { name: 'active_set', array: true, nullable: true }) activeSet!: string[] | null;
  @Column('text', { name: 'sum_root', nullable: true }) sumRoot!: string | null;
  @Column(optionalJson) closing!: Envelope | null;
  @Column('boolean', { default: false }) combined!: boolean;
  /** Digest of the decrypted sum, from the moment it is combined. */
  @Column('text', { name: 'result_sha256', nullable: true }) resultSha256!: string | null;
  @Column(optionalJson) failure!: Failure | null;
}

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

@Entity('sum_blocks')
export class SumBlockRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'sum_blocks_pk', name: 'sum_id' }) sumId!: string;
  @ManyToOne(() => SumRow)
  @JoinColumn({ name: 'sum_id', foreignKeyConstraintName: 'sum_blocks_sum_fk' })
  sum?: Relation<SumRow>;
  @PrimaryColumn('int', { primaryKeyConstraintName: 'sum_blocks_pk', name: 'block_index' }) index!: number;
  @Column('text') sha256!: string;
}

@Entity('uploads')
export class UploadRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'uploads_pk', name: 'sum_id' }) sumId!: string;
  @ManyToOne(() => SumRow)
  @JoinColumn({ name: 'sum_id', foreignKeyConstraintName: 'uploads_sum_fk' })
  sum?: Relation<SumRow>;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'uploads_pk' }) site!: string;
  @Column('text') root!: string;
  @Column('int') bytes!: number;
  @Column('jsonb') statement!: Envelope;
}

@Entity('shares')
export class ShareRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'shares_pk', name: 'sum_id' }) sumId!: string;
  @ManyToOne(() => SumRow)
  @JoinColumn({ name: 'sum_id', foreignKeyConstraintName: 'shares_sum_fk' })
  sum?: Relation<SumRow>;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'shares_pk' }) site!: string;
  @Column('text') sha256!: string;
  @Column('jsonb') statement!: Envelope;
}

@Entity('refusals')
export class RefusalRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'refusals_pk' }) subject!: 'epoch' | 'sum';
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'refusals_pk', name: 'subject_id' }) subjectId!: string;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'refusals_pk' }) site!: string;
  @Column('text') code!: ErrorCode;
  @Column('text', { nullable: true }) detail!: string | null;
}

@Entity('model_versions')
export class ModelVersionRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'model_versions_pk' }) model!: string;
  @PrimaryColumn('int', { primaryKeyConstraintName: 'model_versions_pk' }) version!: number;
  @Column('text') sha256!: string;
  @Column('int') bytes!: number;
  @Column('int', { name: 'base_version', nullable: true }) baseVersion!: number | null;
  @Column('uuid', { name: 'run_id', nullable: true }) runId!: string | null;
  @Column('int', { nullable: true }) round!: number | null;
  @Column('jsonb') lineage!: Lineage;
  @Column('jsonb') statement!: Envelope;
  @Column(optionalJson) metrics!: Metrics | null;
  @Column({ name: 'created_at', ...instant }) createdAt!: Date;
}

@Entity('model_aliases')
export class ModelAliasRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'model_aliases_pk' }) model!: string;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'model_aliases_pk' }) alias!: string;
  @Column('int') version!: number;
  @Column('int', { name: 'release_counter' }) releaseCounter!: number;
  @Column('jsonb') release!: Envelope;
}

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

/** When a process of the coordinator last said that it runs. */
@Entity('heartbeats')
export class HeartbeatRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'heartbeats_pk' }) role!: 'http' | 'worker';
  @Column(instant) at!: Date;
}

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

export const entities = [
  SiteRow,
  ApiTokenRow,
  RequestNonceRow,
  RunRow,
  RoundRow,
  EpochRow,
  EpochMessageRow,
  SumRow,
  SumBlockRow,
  UploadBlockRow,
  UploadRow,
  ShareRow,
  RefusalRow,
  ModelVersionRow,
  ModelAliasRow,
  AuditRow,
  HeartbeatRow,
  JobFailureRow,
];
