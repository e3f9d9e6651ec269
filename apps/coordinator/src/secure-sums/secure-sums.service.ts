import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, type Refusal } from '@koinon/contracts';
import { schemes } from '@koinon/he';
import { In, type DataSource, type EntityManager } from 'typeorm';
import type { KeyEpochRow } from '../key-epochs/key-epochs.entities.js';
import { AuditService } from '../platform/audit/audit.service.js';
import { becauseOf, byCoordinator } from '../platform/database/transition.js';
import { JobsService } from '../platform/jobs/jobs.service.js';
import { isLate, type Pulse } from '../platform/liveness/pause.js';
import { AggregationService } from './aggregation.service.js';
import { DecryptionShareRow, SumRefusalRow, SumRow, UploadRow } from './secure-sums.entities.js';
import { absentFrom, nextSumTransition, type Absence, type SumFacts, type SumTransition } from './sum-state.js';
import { SumTransitions, type SumRequest } from './sum-transitions.js';

/** What the driver asks of secure sums: to begin one, to move one on, and to see to its jobs. */
@Injectable()
export class SecureSumsService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly transitions: SumTransitions,
    private readonly aggregations: AggregationService,
    private readonly audit: AuditService,
    private readonly jobs: JobsService,
  ) {}

  async create(m: EntityManager, { id: keyEpochId, header }: KeyEpochRow, request: SumRequest): Promise<void> {
    const { valuesPerBlock } = schemes.named(header.scheme).layout(header);
    const blocks = Math.ceil(request.length / valuesPerBlock);
    await this.transitions.begin(m, { ...request, id: randomUUID(), keyEpochId, blocks });
  }

  /**
   * One transition of a sum that is locked.
   * @param stepMs how long its sites have for what comes next
   * @returns who it stopped waiting for; null while it waits
   */
  async advance(
    m: EntityManager,
    sum: SumRow,
    epoch: KeyEpochRow,
    stepMs: number,
    pulse: Pulse,
  ): Promise<Absence[] | null> {
    const facts = await factsOf(m, sum, epoch, pulse);
    const step = nextSumTransition(facts);
    if (!step) return null;
    const detail = epoch.failure?.detail ?? null;
    return (await this.apply(m, sum, step, { detail, stepMs, now: pulse.now })) ? absentFrom(facts, step) : null;
  }

  /** The round whose sum a site was asked to contribute to. @throws CodedError NOT_FOUND */
  async roundOf(m: EntityManager, id: string, site: string): Promise<string> {
    const sum = await m.findOneBy(SumRow, { id });
    if (!sum?.cohort.includes(site)) throw new CodedError('NOT_FOUND');
    return sum.roundId;
  }

  /** The run is locked. @returns whether this is news */
  async refuse(m: EntityManager, site: string, { id, code, detail: said }: Refusal): Promise<boolean> {
    const detail = said ?? null;
    const row = { sumId: id, site, code, detail };
    const added = await m
      .createQueryBuilder()
      .insert()
      .into(SumRefusalRow)
      .values(row)
      .orIgnore()
      .returning('site')
      .execute();
    if ((added.raw as unknown[]).length === 0) return false;
    await this.audit.append(m, { actor: site, action: 'sum.refused', subject: id, detail: { code, detail } });
    return true;
  }

  /** Has the jobs done that sums of a round wait for. Asking again for one that is queued changes nothing. */
  async requestJobs(roundId: string): Promise<void> {
    for (const sum of await this.database.manager.findBy(SumRow, {
      roundId,
      state: In(['aggregating', 'combining']),
    })) {
      if (sum.state === 'combining') {
        await this.jobs.enqueue({ name: 'sum.combine', data: { sumId: sum.id }, id: `combine-${sum.id}` });
      } else if (!sum.sumRoot) await this.aggregations.enqueueAggregation(sum);
    }
  }

  private async apply(
    m: EntityManager,
    sum: SumRow,
    step: SumTransition,
    { detail, stepMs, now }: Circumstances,
  ): Promise<boolean> {
    switch (step.to) {
      case 'failed': {
        const failure = { code: step.code, detail: step.sites.join(', ') || detail };
        return this.transitions.transition(m, sum.id, 'failed', becauseOf(failure));
      }
      case 'freezing': {
        const uploads = await this.aggregations.uploads(m, sum);
        return this.transitions.transition(m, sum.id, 'freezing', byCoordinator({ uploads }), { uploads });
      }
      case 'decrypting': {
        const signed = await this.aggregations.sign(m, sum, new Date(now.getTime() + stepMs));
        const why = byCoordinator({ sumRoot: sum.sumRoot, decryptors: signed.decryptors });
        return this.transitions.transition(m, sum.id, 'decrypting', why, signed);
      }
      default:
        return this.transitions.transition(m, sum.id, step.to, byCoordinator());
    }
  }
}

interface Circumstances {
  /** Of the failure of the sum's epoch. */
  readonly detail: string | null;
  readonly stepMs: number;
  readonly now: Date;
}

async function factsOf(
  m: EntityManager,
  sum: SumRow,
  { header, failure }: KeyEpochRow,
  pulse: Pulse,
): Promise<SumFacts> {
  const sites = async (rows: Promise<{ site: string }[]>) => (await rows).map((r) => r.site);
  return {
    state: sum.state,
    keyEpochFailure: failure,
    cohort: sum.cohort,
    quorum: header.minUploads,
    uploaded: await sites(m.find(UploadRow, { where: { sumId: sum.id }, select: { site: true } })),
    refused: await sites(m.find(SumRefusalRow, { where: { sumId: sum.id }, select: { site: true } })),
    deadlinePassed: isLate(sum, pulse),
    hasRoot: sum.sumRoot !== null,
    decryptors: sum.decryptors,
    decryptedBy: await sites(m.find(DecryptionShareRow, { where: { sumId: sum.id }, select: { site: true } })),
    combined: sum.combined,
  };
}
