import { Injectable } from '@nestjs/common';
import { CodedError, MOST_RELEASES } from '@koinon/contracts';
import type { EntityManager } from 'typeorm';
import { ModelAliasRow } from './registry.entities.js';

/** Names that point at versions, each with the signed release that says so. */
@Injectable()
export class AliasesService {
  /**
   * One count per model over all its aliases: a node, which serves what was released last, compares them.
   * @throws CodedError RELEASE_COUNTER_JUMPED
   */
  async nextReleaseCounter(m: EntityManager, model: string): Promise<number> {
    const next = ((await m.maximum(ModelAliasRow, 'releaseCounter', { model })) ?? 0) + 1;
    if (next > MOST_RELEASES) throw new CodedError('RELEASE_COUNTER_JUMPED', model);
    return next;
  }

  async point(m: EntityManager, alias: ModelAliasRow): Promise<void> {
    await m.upsert(ModelAliasRow, alias, ['model', 'alias']);
  }
}
