import { Column, Entity, PrimaryColumn } from 'typeorm';
import { instant } from '../database/columns.js';

/** When a process of the coordinator last said that it runs. */
@Entity('heartbeats')
export class HeartbeatRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'heartbeats_pk' }) role!: 'http' | 'worker';
  @Column(instant) at!: Date;
}

export const livenessEntities = [HeartbeatRow];
