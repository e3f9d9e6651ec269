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
    const nonces = this.database.getRepository(RequestNonceRow);
    const inserted = await nonces
      .createQueryBuilder()
      .insert()
      .values({ site, nonce, keptUntil: new Date(now + KEPT_MS) })
      .orIgnore()
      .returning('site')
      .execute();
    if (now >= this.sweepAt) {
      this.sweepAt = now + SWEEP_EVERY_MS;
      await nonces.delete({ keptUntil: LessThan(new Date(now)) });
    }
    return (inserted.raw as unknown[]).length === 1;
  }
}
