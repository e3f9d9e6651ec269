import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, type Lineage } from '@koinon/contracts';
import type { KeyEpochHeader } from '@koinon/he';
import type { AskOf } from '@koinon/secure-tasks';
import { decodeState, encodeState } from '@koinon/strategies';
import type { DataSource } from 'typeorm';
import { BLOBS, contentRef, putContent, type BlobStore } from '../../platform/blobs/blob-store.js';
import { KeyEpochRow } from '../../key-epochs/key-epochs.entities.js';
import { ModelVersionRow } from '../../registry/registry.entities.js';
import { RoundRow, RunRow } from '../federations.entities.js';
import { SumRow } from '../../secure-sums/secure-sums.entities.js';
import { lockRun } from '../../platform/database/run-lock.js';
import { becauseOf } from '../../platform/database/transition.js';
import { failureOf } from '../../platform/jobs/job-failure.js';
import type { JobHandler, JobPayload } from '../../platform/jobs/job-map.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import { buildIdentity } from '../../platform/build-identity.js';
import { readWeights, writeWeights } from '../../registry/model-weights.js';
import { VersionsService } from '../../registry/versions.service.js';
import { EpsilonService } from '../runs/epsilon.service.js';
import { sitesOffering } from '../../identity/presence.js';
import { RoundResultsService } from './round-results.service.js';
import { RoundTransitions } from './round-transitions.js';
import { strategyOf } from './strategy.js';

const stateKey = (runId: string, round: number): string => `runs/${runId}/strategy-${round}`;

/** The server update: the decrypted sum becomes new weights and a new signed version. */
@Injectable()
export class RoundUpdateHandler implements JobHandler<'round.update'> {
  readonly job = 'round.update';

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(BLOBS) private readonly blobs: BlobStore,
    private readonly versions: VersionsService,
    private readonly transitions: RoundTransitions,
    private readonly jobs: JobsService,
    private readonly epsilon: EpsilonService,
    private readonly results: RoundResultsService,
  ) {}

  async handle({ roundId }: JobPayload<'round.update'>): Promise<void> {
    const m = this.database.manager;
    const round = await m.findOneByOrFail(RoundRow, { id: roundId });
    const run = await m.findOneByOrFail(RunRow, { id: round.runId });
    if (round.state !== 'updating') return;
    if (round.version === null) {
      const sum = await m.findOneByOrFail(SumRow, { roundId, keyEpochId: round.keyEpochId!, task: 'fit' });
      const { header } = await m.findOneByOrFail(KeyEpochRow, { id: sum.keyEpochId });
      const { model, strategySha256, told } = await this.serverUpdate(run, round, sum);
      const epsilonSpent = await this.epsilon.ofLineage(run, round.number);
      const stored = await this.versions.store(model);
      await this.database.transaction(async (tx) => {
        await lockRun(tx, run.id);
        const locked = await tx.findOneOrFail(RoundRow, {
          where: { id: roundId },
          lock: { mode: 'pessimistic_write' },
        });
        if (locked.version !== null || locked.state !== 'updating') return;
        const version = await this.versions.nextVersion(tx, run.spec.name);
        await this.versions.record(tx, stored, this.lineage(run, locked, sum, { header, version, epsilonSpent }), null);
        await tx.update(RoundRow, { id: roundId }, { version, strategySha256, told });
      });
    }
    await this.jobs.wake(run.id, `updated-${roundId}`);
  }

  async gaveUp({ roundId }: JobPayload<'round.update'>, error: unknown): Promise<void> {
    const round = await this.database.manager.findOneByOrFail(RoundRow, { id: roundId });
    await this.database.transaction((tx) =>
      this.transitions.transition(tx, roundId, 'failed', becauseOf(failureOf(error))),
    );
    await this.jobs.wake(round.runId, `failed-${roundId}`);
  }

  private async serverUpdate(
    run: RunRow,
    round: RoundRow,
    { uploads }: SumRow,
  ): Promise<{ model: Uint8Array } & Pick<RoundRow, 'strategySha256' | 'told'>> {
    const { spec } = run;
    const m = this.database.manager;
    const base = await m.findOneByOrFail(ModelVersionRow, { model: spec.name, version: round.baseVersion });
    const model = await this.blobs.get(contentRef(base.sha256));
    const weights = readWeights(model, spec.model);
    const results = await this.results.of(run, round, 'base');
    const strategy = strategyOf(spec);
    const before =
      round.number === 1 ? strategy.init(weights) : decodeState(await this.stateAfter(run.id, round.number - 1));
    // Who answered was there, whatever its node says of itself now.
    const population = Math.max(uploads!.length, (await sitesOffering(m, round.tasks)).length);
    const after = strategy.step(before, { weights, results, population });
    if (!after.weights.every(Number.isFinite)) throw new CodedError('STRATEGY_FAILED');
    const strategySha256 = await this.blobs.put(stateKey(run.id, round.number), encodeState(after.state));
    return {
      model: writeWeights(model, spec.model, after.weights),
      strategySha256,
      told: await this.tell(after.tell ?? {}),
    };
  }

  /** Sites read what they are told as float32, little-endian. @returns the digests */
  private async tell(vectors: Readonly<Record<string, Float64Array>>): Promise<RoundRow['told']> {
    const told: Record<string, string> = {};
    for (const [name, vector] of Object.entries(vectors))
      told[name] = await putContent(this.blobs, new Uint8Array(Float32Array.from(vector).buffer));
    return told;
  }

  private async stateAfter(runId: string, number: number): Promise<Uint8Array> {
    const { strategySha256 } = await this.database.manager.findOneByOrFail(RoundRow, { runId, number });
    return this.blobs.get({ key: stateKey(runId, number), sha256: strategySha256! });
  }

  /** What happened, from the rows of the round, its epoch and its sum; never what the file asked for. */
  private lineage(
    run: RunRow,
    round: RoundRow,
    sum: SumRow,
    { header, version, epsilonSpent }: { header: KeyEpochHeader; version: number; epsilonSpent: number },
  ): Lineage {
    const { spec } = run;
    const strategy = strategyOf(spec);
    const { weighting, proximalMu, control } = askedOf(round);
    return {
      model: spec.name,
      version,
      baseVersion: round.baseVersion,
      runId: run.id,
      round: round.number,
      cohort: sum.uploads!.map(({ site, root }) => ({ site, uploadRoot: root })),
      exclusions: round.exclusions,
      strategy: { name: strategy.name, params: { ...strategy.params } },
      local: { ...spec.local, weighting, proximalMu, ...(control ? { control } : {}) },
      privacy: {
        unit: 'record',
        epsilonSpent: Number.isFinite(epsilonSpent) ? epsilonSpent : null,
        delta: spec.privacy.delta,
        noiseMultiplier: run.noiseMultiplier,
      },
      encryption: {
        scheme: header.scheme,
        keyEpochId: sum.keyEpochId,
        threshold: header.threshold,
        sumRoot: sum.sumRoot!,
        decryptors: sum.decryptors!,
      },
      recordsSchemaSha256: run.recordsSchemaSha256,
      code: buildIdentity(),
    };
  }
}

const askedOf = ({ tasks }: RoundRow): AskOf<'fit'> => tasks.find(({ task }) => task === 'fit')!.ask as AskOf<'fit'>;
