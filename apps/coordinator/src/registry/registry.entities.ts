/** Versions and aliases. `registry` alone writes them. */
import type { Envelope, Lineage, Metrics } from '@koinon/contracts';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { instant, optionalJson } from '../platform/database/columns.js';

/**
 * What was made, where from and how: never changed after it is recorded, but for `metrics`, once its round has evaluated it.
 * Round 0 is the file that a run started from; its `baseVersion` is null where somebody brought it.
 */
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

/** Which version a name points at now, with the signed release that told the sites so; overwritten by the next one. */
@Entity('model_aliases')
export class ModelAliasRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'model_aliases_pk' }) model!: string;
  @PrimaryColumn('text', { primaryKeyConstraintName: 'model_aliases_pk' }) alias!: string;
  @Column('int') version!: number;
  @Column('int', { name: 'release_counter' }) releaseCounter!: number;
  @Column('jsonb') release!: Envelope;
}

export const registryEntities = [ModelVersionRow, ModelAliasRow];
