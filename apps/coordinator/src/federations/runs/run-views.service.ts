import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, type RunView } from '@koinon/contracts';
import { In, type DataSource } from 'typeorm';
import { SumRow, UploadRow } from '../../secure-sums/secure-sums.entities.js';
import { RoundRow, RunRow } from '../federations.entities.js';
import { roundView, type UpdateSum, type UploadSize } from '../rounds/round-view.js';
import { encryptionOf } from './encryption.js';
import { EpsilonService } from './epsilon.service.js';

const LISTED = 50;

/** What people see of runs: rounds and their sums, joined. Read with three statements, however many runs and rounds there are. */
@Injectable()
export class RunViews {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly epsilon: EpsilonService,
  ) {}

  async list(): Promise<RunView[]> {
    return this.views(await this.database.manager.find(RunRow, { order: { startedAt: 'DESC' }, take: LISTED }));
  }

  /** @throws CodedError NOT_FOUND */
  async view(id: string): Promise<RunView> {
    const run = await this.database.manager.findOneBy(RunRow, { id });
    if (!run) throw new CodedError('NOT_FOUND');
    const [view] = await this.views([run]);
    return view!;
  }

  private async views(runs: readonly RunRow[]): Promise<RunView[]> {
    const m = this.database.manager;
    const rounds = await m.find(RoundRow, { where: { runId: In(runs.map((r) => r.id)) }, order: { number: 'ASC' } });
    const sums: UpdateSum[] = await m.find(SumRow, {
      where: { roundId: In(rounds.map((r) => r.id)), task: 'fit' },
      select: { id: true, roundId: true, keyEpochId: true, timeline: true, uploads: true, decryptors: true },
    });
    const uploads: UploadSize[] = await m.find(UploadRow, {
      where: { sumId: In(sums.map((s) => s.id)) },
      select: { sumId: true, site: true, bytes: true },
    });
    return Promise.all(
      runs.map((run) =>
        this.join(
          run,
          rounds.filter((r) => r.runId === run.id),
          sums,
          uploads,
        ),
      ),
    );
  }

  private async join(
    run: RunRow,
    rounds: readonly RoundRow[],
    sums: readonly UpdateSum[],
    uploads: readonly UploadSize[],
  ): Promise<RunView> {
    const uploaded = new Set(uploads.map((u) => u.sumId));
    const trained = new Set(sums.filter((s) => uploaded.has(s.id)).map((s) => s.roundId));
    const spent = await this.epsilon.ofRun(run, rounds.filter((r) => trained.has(r.id)).length);
    return {
      id: run.id,
      federation: run.federation,
      state: run.state,
      failure: run.failure,
      startedAt: run.startedAt.toISOString(),
      finishedAt: run.finishedAt?.toISOString() ?? null,
      spec: run.spec,
      seed: run.seed,
      privacy: privacyView(run, spent),
      encryption: encryptionOf(run.spec, run.spec.sites.min),
      rounds: rounds.map((round) => roundView(round, sums, uploads)),
    };
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
