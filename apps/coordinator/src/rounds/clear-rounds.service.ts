import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { LessThan, type DataSource } from 'typeorm';
import { scratchKeys } from '../aggregation/keys.js';
import { BLOBS, type BlobStore } from '../blobs/blob-store.js';
import { EpochRow, RoundRow, SumRow } from '../database/entities.js';
import { REQUEST_TIMEOUT_MS } from '../http/connections.js';
import { ceremonyKey } from '../keys/epochs.service.js';

/** A request that was under way when its round ended is over by then, and so is a job. */
const LINGER_MS = REQUEST_TIMEOUT_MS + 60_000;
const ROUNDS_AT_ONCE = 20;

/**
 * Removes what only a running round needs: uploads, sums, shares and ceremony bodies, in time the most of a coordinator's disk.
 * Results, models, strategy states, statements and digests stay: lineage and audit rest on them.
 * A round is marked when all of it is gone, so that a crash in between costs a second try.
 */
@Injectable()
export class ClearRoundsService {
  constructor(@InjectDataSource() private readonly database: DataSource, @Inject(BLOBS) private readonly blobs: BlobStore) {}

  async clear(): Promise<void> {
    const m = this.database.manager;
    const ended = await m.find(RoundRow, { where: { cleared: false, finishedAt: LessThan(new Date(Date.now() - LINGER_MS)) }, take: ROUNDS_AT_ONCE });
    for (const { id: roundId } of ended) {
      const [sums, epochs] = [await m.findBy(SumRow, { roundId }), await m.findBy(EpochRow, { roundId })];
      for (const key of [...sums.flatMap(({ id }) => scratchKeys(id)), ...epochs.map(({ id }) => ceremonyKey(id))]) await this.blobs.removeBelow(key);
      await m.update(RoundRow, { id: roundId }, { cleared: true });
    }
  }
}
