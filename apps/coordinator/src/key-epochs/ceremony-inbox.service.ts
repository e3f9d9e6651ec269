import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, framed, isFor, postHead } from '@koinon/contracts';
import type { DataSource } from 'typeorm';
import { BLOBS, type BlobRef, type BlobStore } from '../platform/blobs/blob-store.js';
import { runOf } from '../platform/database/run-lock.js';
import { becauseOf } from '../platform/database/transition.js';
import { JobsService } from '../platform/jobs/jobs.service.js';
import { bodyKey, payloadOf, stepsOf } from './ceremony.js';
import { KeyEpochTransitions } from './key-epoch-transitions.js';
import { KeyEpochMessageRow, KeyEpochRow } from './key-epochs.entities.js';

/** Forwards to each site what the others posted for it. */
@Injectable()
export class CeremonyInbox {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(BLOBS) private readonly blobs: BlobStore,
    private readonly transitions: KeyEpochTransitions,
    private readonly jobs: JobsService,
  ) {}

  /**
   * The statements of a step that is over, each with the bodies for this site: what others posted to all or to it. One body
   * is in memory at a time.
   */
  async read(keyEpochId: string, site: string, step: string): Promise<AsyncIterable<Uint8Array>> {
    const epoch = await this.database.manager.findOneBy(KeyEpochRow, { id: keyEpochId });
    if (!epoch?.roster.some((r) => r.site === site)) throw new CodedError('NOT_FOUND');
    const steps = stepsOf(epoch);
    const index = steps.indexOf(step);
    const shown = { running: epoch.stepIndex, ready: steps.length, over: steps.length, failed: epoch.stepIndex }[
      epoch.state
    ];
    if (index < 0 || index >= shown) throw new CodedError('STEP_OUT_OF_ORDER');
    const rows = await this.database.manager.find(KeyEpochMessageRow, {
      where: { keyEpochId, step },
      order: { site: 'ASC' },
    });
    return this.framesFor(site, epoch, rows);
  }

  private async *framesFor(
    reader: string,
    epoch: KeyEpochRow,
    rows: readonly KeyEpochMessageRow[],
  ): AsyncGenerator<Uint8Array> {
    for (const { step, site, statement } of rows) {
      const wanted = payloadOf(statement).messages.filter((message) => isFor(reader, site, message));
      yield* framed([postHead(statement, wanted.length)]);
      for (const { sha256 } of wanted)
        yield* framed([await this.show(epoch, { key: bodyKey(epoch.id, step, site, sha256), sha256 })]);
    }
  }

  /** What cannot be shown to its readers is no fault of theirs: the epoch fails now, and with it the sums that it serves. */
  private async show(epoch: KeyEpochRow, ref: BlobRef): Promise<Buffer> {
    return this.blobs.get(ref).catch(async (error: unknown) => {
      if (error instanceof CodedError) {
        const { id } = epoch;
        const why = becauseOf({ code: error.code, detail: 'a message of the key ceremony' });
        await this.database.transaction((tx) => this.transitions.transition(tx, id, 'failed', why));
        await this.jobs.wake(await runOf(this.database.manager, epoch.roundId), `damaged-${id}`);
      }
      throw error;
    });
  }
}
