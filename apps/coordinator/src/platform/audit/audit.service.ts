import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { canonicalBytes, sha256Hex } from '@koinon/signing';
import { type AuditEntry } from '@koinon/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditRow } from './audit.entities.js';

const GENESIS = '0'.repeat(64);
const AUDIT_LOCK = 0x61756469;

export interface AuditRecord {
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detail: Record<string, unknown>;
}

/** hash_n = SHA-256 of the canonical entry with hash_{n-1} inside, so that any edit breaks every later hash. */
export async function auditHash(previousHash: string, at: string, record: AuditRecord): Promise<string> {
  return sha256Hex(canonicalBytes({ previousHash, at, ...record }));
}

/** The append-only, hash-chained audit log. */
@Injectable()
export class AuditService {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Appends inside the caller's transaction: what happened and its record stand or fall together. */
  async append(manager: EntityManager, record: AuditRecord): Promise<void> {
    await manager.query('SELECT pg_advisory_xact_lock($1)', [AUDIT_LOCK]);
    const [last] = await manager.find(AuditRow, { order: { seq: 'DESC' }, take: 1 });
    const at = new Date();
    const previousHash = last?.hash ?? GENESIS;
    const hash = await auditHash(previousHash, at.toISOString(), record);
    await manager.insert(AuditRow, { at, ...record, detail: record.detail as never, previousHash, hash });
  }

  async entries(after: number, limit: number): Promise<AuditEntry[]> {
    const rows = await this.database
      .getRepository(AuditRow)
      .createQueryBuilder('a')
      .where('a.seq > :after', { after })
      .orderBy('a.seq')
      .limit(limit)
      .getMany();
    return rows.map(({ seq, at, actor, action, subject, detail, previousHash, hash }) => ({
      seq: Number(seq),
      at: at.toISOString(),
      actor,
      action,
      subject,
      detail,
      previousHash,
      hash,
    }));
  }

  /** Walks the whole chain; names the first entry that does not follow from the one before. */
  async verify(): Promise<{ entries: number; intact: boolean; firstBroken: number | null }> {
    let previousHash = GENESIS;
    let count = 0;
    for (let after = 0; ;) {
      const page = await this.entries(after, 500);
      for (const { seq, at, actor, action, subject, detail, hash, previousHash: stated } of page) {
        const expected = await auditHash(previousHash, at, { actor, action, subject, detail });
        if (stated !== previousHash || hash !== expected) return { entries: count, intact: false, firstBroken: seq };
        previousHash = hash;
        after = seq;
        count += 1;
      }
      if (page.length === 0) return { entries: count, intact: true, firstBroken: null };
    }
  }
}
