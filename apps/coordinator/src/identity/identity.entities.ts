/** Who may ask for what. `identity` alone writes it. */
import { tasksOfEveryNode } from '@koinon/contracts';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { instant, optionalInstant } from '../platform/database/columns.js';

/**
 * `invited → enrolled`, and never back.
 * - invited: the digest of its token and when it expires; no keys.
 * - enrolled: the keys its node made, `enrolledAt`, and when it last proved who it is. The digest stays, so that a node whose
 *   answer was lost may enrol again with the same keys.
 */
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
  /** Kinds of task that its node says it takes. */
  @Column('text', { array: true, default: [...tasksOfEveryNode] }) offers!: string[];
}

/** A person's token, as its digest alone. */
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

export const identityEntities = [SiteRow, ApiTokenRow, RequestNonceRow];
