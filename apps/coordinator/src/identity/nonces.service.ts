import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { LessThan, type DataSource } from 'typeorm';
import { RequestNonceRow } from './identity.entities.js';

/** Beyond any clock that takes part, so that no replica forgets what another would still take. */
const KEPT_MS = 10 * 60_000;
const SWEEP_EVERY_MS = 60_000;

/**
 * The nonces of signed requests, where every replica looks. An ordinary table, committed before the request goes on:
 * an unlogged one is empty after a crash of PostgreSQL, and a request recorded just before would be taken again.
 */
@Injectable()
export class NoncesService {
  private sweepAt = 0;

  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** True for the first caller, whichever process asks. */
  async spend(site: string, nonce: string): Promise<boolean> {
    const now = Date.now();
    const inserted = await this.database.query<unknown[]>(
      'INSERT INTO request_nonces (site, nonce, kept_until) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING site',
      [site, nonce, new Date(now + KEPT_MS)],
    );
    if (now >= this.sweepAt) {
      this.sweepAt = now + SWEEP_EVERY_MS;
      await this.database.manager.delete(RequestNonceRow, { keptUntil: LessThan(new Date(now)) });
    }
    return inserted.length === 1;
  }
}
