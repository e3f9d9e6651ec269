import { fileURLToPath } from 'node:url';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Accountant, Mechanism } from '@koinon/privacy';
import type { DataSource } from 'typeorm';
import { askChild, type ChildLimits } from '../../platform/children/ask-child.js';
import { RunRow } from '../federations.entities.js';
import { releasedIn } from '../recipe/noise.js';
import { releasedBefore } from './known-base.js';

export interface EpsilonQuestion {
  readonly released: readonly Mechanism[];
  readonly delta: number;
  readonly accountant: Accountant;
}

/** The built file, also for tests, which run from `src`. */
const CHILD = fileURLToPath(new URL('../../../dist/federations/runs/epsilon.child.js', import.meta.url));
const LIMITS: ChildLimits = { timeoutMs: 60_000, heapMb: 1024, memoryMb: 2048 };

/**
 * ε of what sites released, computed once, kept with the run. An accountant takes up to a second: it computes outside of the threads
 * that answer requests and beat as the worker's heart, and one at a time. Not for all rounds at once when a run starts: of 1000
 * rounds that would be minutes.
 */
@Injectable()
export class EpsilonService implements OnModuleDestroy {
  private readonly stopping = new AbortController();
  private last: Promise<unknown> = Promise.resolve();

  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Of a run after some of its rounds; infinite without noise. */
  async ofRun(run: RunRow, rounds: number): Promise<number> {
    if (rounds === 0) return 0;
    if (run.noiseMultiplier === 0) return Infinity;
    return (
      run.epsilonAfter[rounds] ??
      this.inTurn(async () => {
        // Somebody else may have asked for it in the meantime.
        const kept = (await this.database.manager.findOneByOrFail(RunRow, { id: run.id })).epsilonAfter[rounds];
        return (
          kept ?? this.keep(run.id, rounds, await this.compute(run, releasedIn(run.spec, run.noiseMultiplier, rounds)))
        );
      })
    );
  }

  /** Of a run after some of its rounds and of the runs that it continues. */
  async ofLineage(run: RunRow, rounds: number): Promise<number> {
    const before = await releasedBefore(this.database.manager, run);
    if (before.length === 0) return this.ofRun(run, rounds);
    return this.inTurn(() => this.compute(run, [...before, ...releasedIn(run.spec, run.noiseMultiplier, rounds)]));
  }

  onModuleDestroy(): void {
    this.stopping.abort();
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.last.then(work);
    this.last = next.catch(() => undefined);
    return next;
  }

  private compute(
    {
      spec: {
        privacy: { delta, accountant },
      },
    }: RunRow,
    released: readonly Mechanism[],
  ): Promise<number> {
    const question: EpsilonQuestion = { released, delta, accountant };
    return askChild<number>(CHILD, question, LIMITS, this.stopping.signal);
  }

  private async keep(id: string, rounds: number, epsilon: number): Promise<number> {
    await this.database.query(
      'UPDATE runs SET epsilon_after = epsilon_after || jsonb_build_object($2::text, $3::float8) WHERE id = $1',
      [id, rounds, epsilon],
    );
    return epsilon;
  }
}
