import { Inject, Injectable } from '@nestjs/common';
import { signStatement, type Signer } from '@koinon/signing';
import { type Envelope, type Lineage, type Metrics } from '@koinon/contracts';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../platform/audit/audit.service.js';
import { BLOBS, putContent, type BlobStore } from '../platform/blobs/blob-store.js';
import { ModelVersionRow } from './registry.entities.js';
import { EventsService } from '../platform/events/events.service.js';
import { COORDINATOR_KEY } from '../platform/coordinator-key.js';

export const LINEAGE_TYPE = 'application/vnd.in-toto+json';
export const LINEAGE_PREDICATE = 'https://koinon.dev/lineage/v2';

/** A model file in the blob store. */
export interface StoredModel {
  readonly sha256: string;
  readonly bytes: number;
}

/** Immutable model versions, each with a signed record of where it came from (in-toto Statement v1 in a DSSE envelope). */
@Injectable()
export class VersionsService {
  constructor(
    @Inject(BLOBS) private readonly blobs: BlobStore,
    @Inject(COORDINATOR_KEY) private readonly signer: Signer,
    private readonly audit: AuditService,
    private readonly events: EventsService,
  ) {}

  async nextVersion(m: EntityManager, model: string): Promise<number> {
    const last = await m.findOne(ModelVersionRow, { where: { model }, order: { version: 'DESC' } });
    return (last?.version ?? 0) + 1;
  }

  /** Before the transaction that records it, which holds locks: a large file takes its time. */
  async store(model: Uint8Array): Promise<StoredModel> {
    return { sha256: await putContent(this.blobs, model), bytes: model.length };
  }

  async record(
    m: EntityManager,
    { sha256, bytes }: StoredModel,
    lineage: Lineage,
    metrics: Metrics | null,
  ): Promise<ModelVersionRow> {
    const row: ModelVersionRow = {
      model: lineage.model,
      version: lineage.version,
      sha256,
      bytes,
      baseVersion: lineage.baseVersion,
      runId: lineage.runId,
      round: lineage.round,
      lineage,
      statement: await this.sign(sha256, lineage),
      metrics,
      createdAt: new Date(),
    };
    await m.insert(ModelVersionRow, row);
    await this.audit.append(m, {
      actor: 'coordinator',
      action: 'version.recorded',
      subject: `${row.model}/${row.version}`,
      detail: { sha256 },
    });
    await this.events.publish(m, 'version', `${row.model}/${row.version}`, row.runId);
    return row;
  }

  async digest(m: EntityManager, model: string, version: number): Promise<string> {
    return (await m.findOneByOrFail(ModelVersionRow, { model, version })).sha256;
  }

  /** What a version reached; nothing else of it ever changes. */
  async evaluated(m: EntityManager, model: string, version: number, metrics: Metrics): Promise<void> {
    await m.update(ModelVersionRow, { model, version }, { metrics });
  }

  private sign(sha256: string, lineage: Lineage): Promise<Envelope> {
    const statement = {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: `${lineage.model}/${lineage.version}/model.onnx`, digest: { sha256 } }],
      predicateType: LINEAGE_PREDICATE,
      predicate: lineage,
    };
    return signStatement(LINEAGE_TYPE, statement, this.signer);
  }
}
