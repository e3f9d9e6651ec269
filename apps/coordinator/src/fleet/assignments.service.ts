import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Assignment, Assignments } from '@koinon/contracts';
import { filter, firstValueFrom, race, timer } from 'rxjs';
import { In, type DataSource, type EntityManager } from 'typeorm';
import { EpochMessageRow, EpochRow, RefusalRow } from '../key-epochs/key-epochs.entities.js';
import { ModelAliasRow, ModelVersionRow } from '../registry/registry.entities.js';
import { RoundRow, RunRow } from '../federations/federations.entities.js';
import { ShareRow, SumRow, UploadRow } from '../secure-sums/secure-sums.entities.js';
import { SiteRow } from '../identity/identity.entities.js';
import { EventsService } from '../platform/events/events.service.js';
import { EpochsService } from '../key-epochs/epochs.service.js';

/** The coordinator stops: no change comes any more. */
const STOPPED = Symbol('Stopped');

/** What each site has to do, read from the database each time it asks. */
@Injectable()
export class AssignmentsService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly events: EventsService,
    private readonly epochs: EpochsService,
  ) {}

  /** Answers at once when there is something to do, else when an epoch is over, the coordinator stops or `waitMs` has passed. */
  async wait(site: string, waitMs: number): Promise<Assignments> {
    const giveUpAt = Date.now() + waitMs;
    for (let before: Assignments | undefined; ;) {
      // Subscribe before reading, so that a change in between is not missed.
      const events = this.events.stream.pipe(filter((e) => e.topic !== 'site'));
      const changed = firstValueFrom(race(events, timer(Math.max(0, giveUpAt - Date.now()))), {
        defaultValue: STOPPED,
      });
      const now = await this.current(site);
      const isOver = before?.epochs.some((epoch) => !now.epochs.includes(epoch));
      if (now.assignments.length > 0 || isOver || Date.now() >= giveUpAt) return now;
      before = now;
      if ((await changed) === STOPPED) return now;
    }
  }

  private async current(site: string): Promise<Assignments> {
    const m = this.database.manager;
    const rounds = await m
      .createQueryBuilder(RoundRow, 'r')
      .innerJoin(RunRow, 'run', 'run.id = r.run_id')
      .where("run.state = 'running' AND r.state NOT IN ('done', 'failed')")
      .getMany();
    const refused = new Set((await m.findBy(RefusalRow, { site })).map((r) => r.subjectId));
    const open: Assignment[] = [];
    const epochs: string[] = [];
    for (const round of rounds) {
      const run = await m.findOneByOrFail(RunRow, { id: round.runId });
      const epoch = round.epochId ? await m.findOneByOrFail(EpochRow, { id: round.epochId }) : null;
      if (!epoch?.header.roster.includes(site)) continue;
      epochs.push(epoch.id);
      if (epoch.state === 'running' && !refused.has(epoch.id)) open.push(...(await this.ceremony(epoch, site)));
      const sums = await m.findBy(SumRow, { epochId: epoch.id, state: In(['collecting', 'decrypting']) });
      for (const sum of sums) if (!refused.has(sum.id)) open.push(...(await this.sum(run, round, sum, site)));
    }
    return { assignments: [...open, ...(await this.releases(site))], epochs };
  }

  private async ceremony(epoch: EpochRow, site: string): Promise<Assignment[]> {
    const step = (await this.epochs.steps(epoch))[epoch.stepIndex]!;
    const posted = await this.database.manager.existsBy(EpochMessageRow, { epochId: epoch.id, step, site });
    return posted
      ? []
      : [
          {
            kind: 'ceremony',
            epochId: epoch.id,
            header: { ...epoch.header, roster: [...epoch.header.roster] },
            roster: epoch.roster,
            step,
          },
        ];
  }

  private async sum(run: RunRow, round: RoundRow, sum: SumRow, site: string): Promise<Assignment[]> {
    const m = this.database.manager;
    if (sum.state === 'decrypting') {
      if (!sum.activeSet!.includes(site) || (await m.existsBy(ShareRow, { sumId: sum.id, site }))) return [];
      const uploads = await m.findBy(UploadRow, { sumId: sum.id, site: In(sum.uploads!.map((upload) => upload.site)) });
      return [
        {
          kind: 'share',
          epochId: sum.epochId,
          sumId: sum.id,
          closing: sum.closing!,
          uploads: uploads.map(({ statement }) => statement),
        },
      ];
    }
    if (!sum.cohort.includes(site) || (await m.existsBy(UploadRow, { sumId: sum.id, site }))) return [];
    const common = {
      runId: run.id,
      roundId: round.id,
      epochId: sum.epochId,
      sumId: sum.id,
      sumIndex: sum.sumIndex,
      federation: run.spec,
      featureSchemaSha256: run.featureSchemaSha256,
      modelSha256: sum.modelSha256,
    };
    if (sum.purpose === 'evaluation') return [{ kind: 'evaluate', ...common }];
    return [
      {
        kind: 'train',
        ...common,
        round: round.number,
        noiseMultiplier: run.noiseMultiplier,
        fit: round.fit,
        ...(run.seed === null ? {} : { seed: run.seed }),
      },
    ];
  }

  /** A release disappears from the list when the site reports that it serves it, or that it does not serve this model at all. */
  private async releases(site: string): Promise<Assignment[]> {
    const m = this.database.manager;
    const { status } = await m.findOneByOrFail(SiteRow, { id: site });
    const outdated = await Promise.all(
      (await latestReleases(m)).map(async ({ model, alias, version, release, releaseCounter }) => {
        const { sha256 } = await m.findOneByOrFail(ModelVersionRow, { model, version });
        const current = status?.serving.some(
          (s) =>
            s.model === model && s.version === version && s.sha256 === sha256 && s.releaseCounter === releaseCounter,
        );
        const unwanted = status?.notServing.some(
          (held) => held.model === model && held.code === 'MODEL_NOT_CONFIGURED',
        );
        return current || unwanted ? [] : [{ kind: 'release' as const, model, release, alias }];
      }),
    );
    return outdated.flat();
  }
}

/** Of each model what was released last, whatever its alias is called: a node answers with one version of a model. */
function latestReleases(m: EntityManager): Promise<ModelAliasRow[]> {
  return m
    .createQueryBuilder(ModelAliasRow, 'a')
    .distinctOn(['a.model'])
    .orderBy('a.model')
    .addOrderBy('a.releaseCounter', 'DESC')
    .addOrderBy('a.version', 'DESC')
    .getMany();
}
