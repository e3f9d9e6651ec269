import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, checkThreshold, type Lineage, type RunView, type StartRun } from '@koinon/contracts';
import { QueryFailedError, type DataSource, type EntityManager } from 'typeorm';
import { AuditService } from '../../platform/audit/audit.service.js';
import { BLOBS, contentKey, contentRef, type BlobStore } from '../../platform/blobs/blob-store.js';
import { ModelAliasRow, type ModelVersionRow } from '../../registry/registry.entities.js';
import { RunRow } from '../federations.entities.js';
import { SiteRow } from '../../identity/identity.entities.js';
import { EventsService } from '../../platform/events/events.service.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import { RecipeChecks } from '../recipe/recipe-checks.service.js';
import { buildIdentity } from '../../platform/build-identity.js';
import { VersionsService } from '../../registry/versions.service.js';
import { encryptionOf } from './encryption.js';
import { knownBase } from './known-base.js';
import { RunTransitions } from './run-transitions.js';
import { RunViews } from './run-views.service.js';
import { checkOffered, requestsOf } from '../rounds/strategy.js';

@Injectable()
export class RunsService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(BLOBS) private readonly blobs: BlobStore,
    private readonly versions: VersionsService,
    private readonly transitions: RunTransitions,
    private readonly audit: AuditService,
    private readonly events: EventsService,
    private readonly jobs: JobsService,
    private readonly checks: RecipeChecks,
    private readonly views: RunViews,
  ) {}

  async start(request: StartRun, actor: string): Promise<RunView> {
    const { spec } = request;
    await admit(this.database.manager, request);
    const model = await this.blobs.get(contentRef(request.modelSha256));
    if (!(await this.blobs.has(contentKey(request.recordsSchemaSha256))))
      throw new CodedError('NOT_FOUND', 'put the records schema first');
    const recordsSchema = await this.blobs.get(contentRef(request.recordsSchemaSha256));
    const { parameterCount, noiseMultiplier } = await this.checks.check({ spec, model, recordsSchema });
    const id = randomUUID();
    await this.database
      .transaction(async (m) => {
        // Again: the check of the recipe took seconds.
        const base = await admit(m, request);
        await m.insert(RunRow, {
          id,
          federation: spec.name,
          spec: spec as never,
          modelSha256: request.modelSha256,
          recordsSchemaSha256: request.recordsSchemaSha256,
          parameterCount,
          seed: request.seed ?? null,
          noiseMultiplier,
          epsilonAfter: {},
          state: 'running',
          failure: null,
          startedAt: new Date(),
          finishedAt: null,
        });
        const version = await this.versions.nextVersion(m, spec.name);
        await this.versions.record(
          m,
          { sha256: request.modelSha256, bytes: model.length },
          baseLineage(request, { id, version, base }),
          null,
        );
        await this.audit.append(m, {
          actor,
          action: 'run.started',
          subject: id,
          detail: { federation: spec.name, modelSha256: request.modelSha256 },
        });
        await this.events.publish(m, 'run', id, id);
      })
      .catch((error: unknown) => {
        throw isSecondRun(error) ? new CodedError('RUN_ACTIVE') : error;
      });
    await this.jobs.wake(id, `start-${id}`);
    return this.views.view(id);
  }

  async cancel(id: string, actor: string): Promise<RunView> {
    await this.database.transaction(async (m) => {
      if (!(await m.existsBy(RunRow, { id }))) throw new CodedError('NOT_FOUND');
      const cancelled = await this.transitions.transition(m, id, 'cancelled', {
        actor,
        failure: { code: 'RUN_CANCELLED', detail: null },
      });
      if (!cancelled) throw new CodedError('RUN_FINISHED');
    });
    return this.views.view(id);
  }
}

/** Another replica started one between our look and our insert. */
const isSecondRun = (error: unknown): boolean =>
  error instanceof QueryFailedError && (error.driverError as { constraint?: string }).constraint === 'runs_one_active';

/**
 * Everything about a run that the database decides.
 * @returns the trained version whose bytes it starts from, if it is one
 * @throws CodedError STRATEGY_NOT_OFFERED, RUN_NOT_ENOUGH_SITES, RUN_ACTIVE, REQUEST_INVALID, MODEL_INVALID
 */
async function admit(m: EntityManager, { spec, modelSha256 }: StartRun): Promise<ModelVersionRow | null> {
  const requests = requestsOf(spec);
  const enrolled = await m.countBy(SiteRow, { state: 'enrolled' });
  if (enrolled < spec.sites.min) throw new CodedError('RUN_NOT_ENOUGH_SITES');
  await checkOffered(m, spec, requests);
  checkThreshold(spec.sites.threshold, enrolled);
  encryptionOf(spec, enrolled, requests.length);
  if (await m.existsBy(RunRow, { federation: spec.name, state: 'running' })) throw new CodedError('RUN_ACTIVE');
  const {
    alias,
    gate: { noWorseThan = alias },
  } = spec.promotion;
  // The alias that this run promotes to may be new; any other that nothing holds is a misspelt one.
  if (noWorseThan !== alias && !(await m.existsBy(ModelAliasRow, { model: spec.name, alias: noWorseThan }))) {
    throw new CodedError(
      'REQUEST_INVALID',
      `promotion.gate.noWorseThan: no version of ${spec.name} has the alias ${noWorseThan}`,
    );
  }
  return knownBase(m, spec.name, modelSha256);
}

/** A run starts from a file somebody brought, where its lineage begins, or from a version, whose lineage and ε it continues. */
function baseLineage(
  request: StartRun,
  { id, version, base }: { id: string; version: number; base: ModelVersionRow | null },
): Lineage {
  return {
    model: request.spec.name,
    version,
    baseVersion: base?.version ?? null,
    runId: id,
    round: 0,
    cohort: [],
    exclusions: [],
    strategy: null,
    local: null,
    privacy: base?.lineage.privacy ?? null,
    encryption: null,
    recordsSchemaSha256: request.recordsSchemaSha256,
    code: buildIdentity(),
  };
}
