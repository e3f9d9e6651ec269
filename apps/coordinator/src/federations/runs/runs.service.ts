import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import {
  CodedError,
  checkThreshold,
  thresholdOf,
  type Federation,
  type Lineage,
  type RoundView,
  type RunView,
  type StartRun,
} from '@koinon/contracts';
import { HeError, schemes, type EpochHeader } from '@koinon/he';
import { In, QueryFailedError, type DataSource, type EntityManager } from 'typeorm';
import { AuditService } from '../../platform/audit/audit.service.js';
import { BLOBS, contentKey, contentRef, type BlobStore } from '../../platform/blobs/blob-store.js';
import { ModelAliasRow, type ModelVersionRow } from '../../registry/registry.entities.js';
import { RoundRow, RunRow } from '../federations.entities.js';
import { SiteRow } from '../../identity/identity.entities.js';
import { SumRow, UploadRow } from '../../secure-sums/secure-sums.entities.js';
import { EventsService } from '../../platform/events/events.service.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import { RecipeChecks } from '../recipe/recipe-checks.service.js';
import { buildIdentity } from '../../registry/build-identity.js';
import { VersionsService } from '../../registry/versions.service.js';
import { EpsilonService } from './epsilon.service.js';
import { knownBase } from './known-base.js';
import { RunTransitions } from './run-transitions.js';
import { offeredStrategy } from '../rounds/strategy.js';

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
    private readonly epsilon: EpsilonService,
  ) {}

  async start(request: StartRun, actor: string): Promise<RunView> {
    const { spec } = request;
    offeredStrategy(spec);
    await admit(this.database.manager, request);
    const model = await this.blobs.get(contentRef(request.modelSha256));
    if (!(await this.blobs.has(contentKey(request.featureSchemaSha256))))
      throw new CodedError('NOT_FOUND', 'put the feature schema first');
    const featureSchema = await this.blobs.get(contentRef(request.featureSchemaSha256));
    const { parameters, noiseMultiplier } = await this.checks.check({ spec, model, featureSchema });
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
          featureSchemaSha256: request.featureSchemaSha256,
          parameters,
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
    return this.view(id);
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
    return this.view(id);
  }

  async list(): Promise<RunView[]> {
    const runs = await this.database.manager.find(RunRow, { order: { startedAt: 'DESC' }, take: 50 });
    return Promise.all(runs.map((run) => this.toView(this.database.manager, run)));
  }

  async view(id: string): Promise<RunView> {
    const run = await this.database.manager.findOneBy(RunRow, { id });
    if (!run) throw new CodedError('NOT_FOUND');
    return this.toView(this.database.manager, run);
  }

  private async toView(m: EntityManager, run: RunRow): Promise<RunView> {
    const rounds = await m.find(RoundRow, { where: { runId: run.id }, order: { number: 'ASC' } });
    const sums = rounds.length
      ? await m.findBy(SumRow, { roundId: In(rounds.map((r) => r.id)), purpose: 'update' })
      : [];
    const uploads = sums.length ? await m.findBy(UploadRow, { sumId: In(sums.map((s) => s.id)) }) : [];
    const trained = rounds.filter((r) => sums.some((s) => s.roundId === r.id && uploads.some((u) => u.sumId === s.id)));
    return {
      id: run.id,
      federation: run.federation,
      state: run.state,
      failure: run.failure,
      startedAt: run.startedAt.toISOString(),
      finishedAt: run.finishedAt?.toISOString() ?? null,
      spec: run.spec,
      seed: run.seed,
      privacy: privacyView(run, await this.epsilon.ofRun(run, trained.length)),
      encryption: encryptionOf(run.spec, run.spec.sites.min),
      rounds: rounds.map((round) =>
        roundView(
          round,
          sums.filter((s) => s.roundId === round.id),
          uploads,
        ),
      ),
    };
  }
}

/** Another replica started one between our look and our insert. */
const isSecondRun = (error: unknown): boolean =>
  error instanceof QueryFailedError && (error.driverError as { constraint?: string }).constraint === 'runs_one_active';

/**
 * Everything about a run that the database decides.
 * @returns the trained version whose bytes it starts from, if it is one
 * @throws CodedError RUN_NOT_ENOUGH_SITES, RUN_ACTIVE, REQUEST_INVALID, MODEL_INVALID
 */
async function admit(m: EntityManager, { spec, modelSha256 }: StartRun): Promise<ModelVersionRow | null> {
  const enrolled = await m.countBy(SiteRow, { state: 'enrolled' });
  if (enrolled < spec.sites.min) throw new CodedError('RUN_NOT_ENOUGH_SITES');
  checkThreshold(spec.sites.threshold, enrolled);
  encryptionOf(spec, enrolled);
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

/**
 * Sizes of the scheme for so many sites; what a round really sent is in its uploadBytes.
 * @throws CodedError REQUEST_INVALID when there is no such scheme, or it cannot serve them: too many, or no room for the noise
 */
function encryptionOf({ encryption, sites }: Federation, siteCount: number): RunView['encryption'] {
  const roster = Array.from({ length: siteCount }, (_, i) => `site-${i}`);
  const threshold = thresholdOf(sites.threshold, siteCount);
  const header: EpochHeader = {
    scheme: encryption.scheme,
    version: 1,
    epochId: randomUUID(),
    seed: '0'.repeat(64),
    roster,
    threshold,
    minUploads: threshold,
    bits: encryption.bits,
    sums: 1,
  };
  try {
    const scheme = schemes.named(encryption.scheme);
    const { uploadBlockBytes, valuesPerBlock } = scheme.layout(header);
    return {
      scheme: scheme.name,
      title: scheme.title,
      bytesPerParameter: uploadBlockBytes / valuesPerBlock,
      valuesPerBlock,
    };
  } catch (error) {
    throw error instanceof HeError
      ? new CodedError('REQUEST_INVALID', `encryption for ${siteCount} sites: ${error.message}`)
      : error;
  }
}

/** The coordinator's mirror of the sites' ledgers. */
function privacyView(
  {
    spec: {
      privacy: { epsilon, delta },
    },
    noiseMultiplier,
  }: RunRow,
  spent: number,
): RunView['privacy'] {
  return {
    unit: 'record',
    epsilonBudget: epsilon,
    epsilonSpent: Number.isFinite(spent) ? spent : null,
    delta,
    noiseMultiplier,
  };
}

function roundView(round: RoundRow, sums: readonly SumRow[], uploads: readonly UploadRow[]): RoundView {
  const sum = sums.find((s) => s.epochId === round.epochId);
  const committed = uploads.filter((u) => u.sumId === sum?.id);
  return {
    id: round.id,
    number: round.number,
    state: round.state,
    failure: round.failure,
    cohort: round.cohort,
    exclusions: round.exclusions,
    participants: sum?.uploads?.map((u) => u.site) ?? committed.map((u) => u.site),
    activeSet: sum?.activeSet ?? [],
    epochId: round.epochId,
    startedAt: round.startedAt.toISOString(),
    finishedAt: round.finishedAt?.toISOString() ?? null,
    timeline: round.timeline,
    uploadBytes: committed.reduce((n, u) => n + u.bytes, 0),
    metrics: round.metrics,
    version: round.version,
  };
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
    featureSchemaSha256: request.featureSchemaSha256,
    code: buildIdentity(),
  };
}
