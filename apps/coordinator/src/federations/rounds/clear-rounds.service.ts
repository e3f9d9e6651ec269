import { Inject, Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { In, LessThan, Not, type DataSource } from 'typeorm';
import { scratchKeys } from '../../secure-sums/blob-keys.js';
import { BLOBS, type BlobStore } from '../../platform/blobs/blob-store.js';
import { KeyEpochRow } from '../../key-epochs/key-epochs.entities.js';
import { RoundRow } from '../federations.entities.js';
import { SumRow } from '../../secure-sums/secure-sums.entities.js';
import { REQUEST_TIMEOUT_MS } from '../../platform/http/connections.js';
import { ceremonyKey } from '../../key-epochs/ceremony.js';

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
  private readonly log = new Logger('clear-rounds');
  private running = false;
  /** Rounds whose bytes could not be removed: told once, and tried again when nothing else is left. */
  private readonly stuck = new Set<string>();

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(BLOBS) private readonly blobs: BlobStore,
  ) {}

  /** One pass at a time: the queue asks every two seconds, and large rounds may take longer. */
  async clear(): Promise<void> {
    if (this.running) return;
    this.running = true;
    try {
      for (const { id } of await this.next()) await this.clearRound(id);
    } finally {
      this.running = false;
    }
  }

  private async next(): Promise<RoundRow[]> {
    const ended = { cleared: false, finishedAt: LessThan(new Date(Date.now() - LINGER_MS)) };
    const first = { order: { finishedAt: 'ASC' }, take: ROUNDS_AT_ONCE } as const;
    const rounds = this.database.getRepository(RoundRow);
    const others = await rounds.find({ where: { ...ended, id: Not(In([...this.stuck])) }, ...first });
    return others.length > 0 || this.stuck.size === 0 ? others : rounds.find({ where: ended, ...first });
  }

  private async clearRound(roundId: string): Promise<void> {
    const m = this.database.manager;
    const [sums, epochs] = [await m.findBy(SumRow, { roundId }), await m.findBy(KeyEpochRow, { roundId })];
    try {
      for (const key of [...sums.flatMap(({ id }) => scratchKeys(id)), ...epochs.map(({ id }) => ceremonyKey(id))])
        await this.blobs.removeBelow(key);
    } catch (error) {
      if (!this.stuck.has(roundId))
        this.log.warn(
          `bytes of round ${roundId} cannot be removed: ${(error as { code?: string }).code ?? 'INTERNAL'}`,
        );
      this.stuck.add(roundId);
      return;
    }
    this.stuck.delete(roundId);
    await m.update(RoundRow, { id: roundId }, { cleared: true });
  }
}
