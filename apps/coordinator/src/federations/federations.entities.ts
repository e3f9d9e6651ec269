/** Runs and rounds. `federations` alone writes them, and a state is written by RunTransitions or RoundTransitions alone. */
import type { ErrorCode, Failure, Federation, Metrics } from '@koinon/contracts';
import type { TaskName, TaskRequest } from '@koinon/secure-tasks';
import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { instant, optionalInstant, optionalJson } from '../platform/database/columns.js';

/**
 * `running → done | failed | cancelled`. What was asked for is fixed at the start; later only these change:
 * - `epsilonAfter` while somebody looks, also of a run that is over;
 * - `failure` and `finishedAt` at the end: a run that is done has no failure, a cancelled one has RUN_CANCELLED.
 */
@Entity('runs')
@Index('runs_one_active', ['federation'], { unique: true, where: "state = 'running'" })
export class RunRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'runs_pk' }) id!: string;
  @Column('text') federation!: string;
  @Column('jsonb') spec!: Federation;
  @Column('text', { name: 'model_sha256' }) modelSha256!: string;
  @Column('text', { name: 'feature_schema_sha256' }) recordsSchemaSha256!: string;
  /** Values of the trainable parameters together. */
  @Column('int', { name: 'parameters' }) parameterCount!: number;
  @Column('int', { nullable: true }) seed!: number | null;
  @Column('float8', { name: 'noise_multiplier' }) noiseMultiplier!: number;
  /** Number of rounds → ε of a record after them, as far as somebody asked for it. */
  @Column('jsonb', { name: 'epsilon_after' }) epsilonAfter!: Readonly<Record<string, number>>;
  @Column('text') state!: 'running' | 'done' | 'failed' | 'cancelled';
  @Column(optionalJson) failure!: Failure | null;
  @Column({ name: 'started_at', ...instant }) startedAt!: Date;
  @Column({ name: 'finished_at', ...optionalInstant }) finishedAt!: Date | null;
}

/** What happens inside a sum is the sum's story: a round that collects is collecting until its update is decrypted. */
export type RoundState = 'planned' | 'collecting' | 'updating' | 'evaluating' | 'done' | 'failed';

export type Counted = Readonly<Partial<Record<TaskName, Readonly<Record<string, number>>>>>;

/**
 * `planned → collecting → updating → evaluating → done | failed`; `finishedAt` says that it is over, `failure` that it failed.
 * - planned: `cohort` is who was drawn; each ceremony that is begun sets `keyEpochId`, and `cohort` to its roster.
 * - collecting: the cohort is fixed. What its tasks are doing stands in the rows of their sums.
 * - updating: `version`, `strategySha256` and `told` are empty until the new version is recorded, and are set together.
 * - done: `metrics` are those of `version`. A failed round may have a version, which no alias ever points at.
 * - `exclusions` grow until it is over; `cleared` comes minutes after.
 */
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
  /** The sums that the strategy asks for; a sum's index is its place here. */
  @Column('jsonb') tasks!: TaskRequest[];
  /** By task and site, the last round of the run before this one that was made of a sum with the site's upload. */
  @Column('jsonb', { default: {} }) counted!: Counted;
  @Column('uuid', { name: 'key_epoch_id', nullable: true }) keyEpochId!: string | null;
  @Column('int', { name: 'base_version' }) baseVersion!: number;
  @Column('int', { nullable: true }) version!: number | null;
  /** Digest of the strategy's state after this round. */
  @Column('text', { name: 'strategy_sha256', nullable: true }) strategySha256!: string | null;
  /** By name, digests of the vectors that the strategy tells the sites with the next round's tasks. */
  @Column('jsonb', { default: {} }) told!: Readonly<Record<string, string>>;
  @Column(optionalJson) metrics!: Metrics | null;
  @Column(optionalJson) failure!: Failure | null;
  @Column('jsonb') timeline!: { state: RoundState; at: string }[];
  @Column({ name: 'started_at', ...instant }) startedAt!: Date;
  @Column({ name: 'finished_at', ...optionalInstant }) finishedAt!: Date | null;
  /** Its uploads, sums, shares and ceremony bodies are removed; digests and statements stay. */
  @Column('boolean', { default: false }) cleared!: boolean;
}

export const federationsEntities = [RunRow, RoundRow];
