import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { requestedTask, type TaskRequest, type TaskResults } from '@koinon/secure-tasks';
import type { DataSource } from 'typeorm';
import { BLOBS, type BlobStore } from '../../platform/blobs/blob-store.js';
import { resultKey } from '../../secure-sums/blob-keys.js';
import { SumRow } from '../../secure-sums/secure-sums.entities.js';
import type { RoundRow, RunRow } from '../federations.entities.js';
import { frameOf, framedRound } from './round-frame.js';

/** What the decrypted sums of a round say. */
@Injectable()
export class RoundResultsService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(BLOBS) private readonly blobs: BlobStore,
  ) {}

  /** Of the tasks that are about one model. @throws CodedError BLOB_MISSING, BLOB_DAMAGED, and what decoding throws */
  async of(run: RunRow, round: RoundRow, on: TaskRequest['on']): Promise<Partial<TaskResults>> {
    const results: Record<string, unknown> = {};
    for (const [sumIndex, request] of round.tasks.entries()) {
      if (request.on !== on) continue;
      const sum = await this.database.manager.findOneByOrFail(SumRow, { keyEpochId: round.keyEpochId!, sumIndex });
      const bytes = await this.blobs.get({ key: resultKey(sum.id), sha256: sum.resultSha256! });
      const task = requestedTask(request, frameOf(framedRound(run, round), sum.modelSha256));
      results[request.task] = task.decode(new Uint32Array(new Uint8Array(bytes).buffer), sum.uploads!.length);
    }
    return results;
  }
}
