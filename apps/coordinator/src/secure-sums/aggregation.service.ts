import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, PROTOCOL, aggregationCommitmentStatement, type AggregationCommitment } from '@koinon/contracts';
import { signStatement, type Signer } from '@koinon/signing';
import { MerkleTree } from '@koinon/he';
import { In, type DataSource, type EntityManager } from 'typeorm';
import { KeyEpochRow } from '../key-epochs/key-epochs.entities.js';
import { SiteRow } from '../identity/identity.entities.js';
import { SumBlockRow, SumRow, UploadRow } from './secure-sums.entities.js';
import { shardsLeft } from './shards.js';
import { JobsService } from '../platform/jobs/jobs.service.js';
import { COORDINATOR_KEY } from '../platform/coordinator-key.js';

/** Freezes the uploads of a sum, has them added, and signs the aggregation commitment to the result. */
@Injectable()
export class AggregationService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(COORDINATOR_KEY) private readonly signer: Signer,
    private readonly jobs: JobsService,
  ) {}

  /** The list of uploads, in cohort order: once it is written it never changes. */
  async uploads(m: EntityManager, sum: SumRow): Promise<{ site: string; root: string }[]> {
    const rows = await m.findBy(UploadRow, { sumId: sum.id });
    return sum.cohort.flatMap((site) => rows.filter((r) => r.site === site).map(({ root }) => ({ site, root })));
  }

  /** What is added already is not asked for again: the reconciler asks every two seconds. */
  async enqueueAggregation({ id: sumId, blocks }: SumRow): Promise<void> {
    const added = await this.database.manager.find(SumBlockRow, { where: { sumId }, select: { index: true } });
    await this.jobs.enqueueFlow(
      { name: 'sum.root', data: { sumId }, id: `root-${sumId}` },
      shardsLeft(
        blocks,
        added.map((block) => block.index),
      ).map(({ from, to }) => ({
        name: 'sum.shard',
        data: { sumId, from, to },
        id: `shard-${sumId}-${from}`,
      })),
    );
  }

  /** Stores the root of the sum before anybody is asked to decrypt it. */
  async storeRoot(sumId: string): Promise<void> {
    const sum = await this.database.manager.findOneByOrFail(SumRow, { id: sumId });
    const rows = await this.database.manager.find(SumBlockRow, { where: { sumId }, order: { index: 'ASC' } });
    if (rows.length !== sum.blocks)
      throw new CodedError('AGGREGATION_FAILED', `${rows.length} of ${sum.blocks} blocks were added`);
    const { root } = MerkleTree.from(rows.map((row) => Buffer.from(row.sha256, 'hex')));
    await this.database.manager.update(
      SumRow,
      { id: sumId, state: 'aggregating' },
      { sumRoot: Buffer.from(root).toString('hex') },
    );
  }

  /** The decryptors, who have until `deadlineAt` for their shares, and the signed commitment. */
  async sign(m: EntityManager, sum: SumRow, deadlineAt: Date) {
    const uploads = sum.uploads!;
    const { header } = await m.findOneByOrFail(KeyEpochRow, { id: sum.keyEpochId });
    const decryptors = await this.chooseDecryptors(
      m,
      uploads.map((u) => u.site),
      header.threshold,
    );
    const statement: AggregationCommitment = {
      protocol: PROTOCOL,
      sumId: sum.id,
      keyEpochId: sum.keyEpochId,
      sumIndex: sum.sumIndex,
      blocks: sum.blocks,
      uploads,
      sumRoot: sum.sumRoot!,
      decryptors,
    };
    const commitment = await signStatement(aggregationCommitmentStatement.type, statement, this.signer);
    return { decryptors, commitment, deadlineAt, extensions: 0 };
  }

  /** The t uploaders seen most recently, in roster order: they are the likeliest to answer. */
  private async chooseDecryptors(m: EntityManager, uploaders: string[], threshold: number): Promise<string[]> {
    const sites = await m.findBy(SiteRow, { id: In(uploaders) });
    const recent = sites.toSorted(
      (a, b) => (b.lastSeenAt?.getTime() ?? 0) - (a.lastSeenAt?.getTime() ?? 0) || a.id.localeCompare(b.id),
    );
    const chosen = new Set(recent.slice(0, threshold).map((s) => s.id));
    return uploaders.filter((site) => chosen.has(site));
  }
}
