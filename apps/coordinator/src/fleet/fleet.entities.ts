import type { SiteStatus } from '@koinon/contracts';
import { Column, Entity, JoinColumn, OneToOne, PrimaryColumn, type Relation } from 'typeorm';
import { SiteRow } from '../identity/identity.entities.js';

/** What a site said last of itself; `fleet` alone writes it. A site that never reported has no row. */
@Entity('site_status')
export class SiteStatusRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'site_status_pk' }) site!: string;
  @OneToOne(() => SiteRow)
  @JoinColumn({ name: 'site', foreignKeyConstraintName: 'site_status_site_fk' })
  of?: Relation<SiteRow>;
  @Column('jsonb') status!: SiteStatus;
  /** The largest ε the site ever reported: a mirror that can only grow. */
  @Column('float8', { name: 'epsilon_highest' }) epsilonHighest!: number;
}

export const fleetEntities = [SiteStatusRow];
