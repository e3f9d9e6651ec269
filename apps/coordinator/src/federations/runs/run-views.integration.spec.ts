import { randomUUID } from 'node:crypto';
import { withDatabase } from '@koinon/testing';
import type { DataSource } from 'typeorm';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { connectDatabase } from '../../database/data-source.js';
import { KeyEpochRow } from '../../key-epochs/key-epochs.entities.js';
import { SumRow, UploadRow } from '../../secure-sums/secure-sums.entities.js';
import { tinySpec } from '../../testing/tiny-federation.fixture.js';
import { RoundRow, RunRow } from '../federations.entities.js';
import { EpsilonService } from './epsilon.service.js';
import { RunViews } from './run-views.service.js';

const database = withDatabase();
const LARGE = 3 * 2 ** 30;
let source: DataSource;

beforeAll(async () => {
  source = await connectDatabase(database.url, 10_000);
});
afterAll(() => source.destroy());

/** A run that is over, of so many rounds with one upload each. */
async function addRun(rounds: number): Promise<void> {
  const [runId, now] = [randomUUID(), new Date()];
  await source.manager.insert(RunRow, {
    id: runId,
    federation: runId,
    spec: tinySpec() as never,
    modelSha256: '',
    recordsSchemaSha256: '',
    parameterCount: 4,
    seed: null,
    noiseMultiplier: 0,
    epsilonAfter: {},
    state: 'done',
    failure: null,
    startedAt: now,
    finishedAt: now,
  });
  for (let number = 1; number <= rounds; number++) {
    const id = randomUUID();
    const common = { id, roundId: id, keyEpochId: id, cohort: ['alpha'], exclusions: [], metrics: null, failure: null };
    await source.manager.insert(RoundRow, {
      ...common,
      runId,
      number,
      state: 'done',
      tasks: [],
      baseVersion: 1,
      version: 2,
      strategySha256: null,
      timeline: [],
      startedAt: now,
      finishedAt: now,
    });
    const epoch = { header: {} as never, headerSha256: '', roster: [], state: 'over' as const };
    await source.manager.insert(KeyEpochRow, { ...common, ...epoch, stepIndex: 0, stepDeadlineAt: now });
    const sum = {
      task: 'fit' as const,
      sumIndex: 0,
      state: 'done' as const,
      length: 4,
      blocks: 1,
      modelSha256: '',
    };
    await source.manager.insert(SumRow, { ...common, ...sum, deadlineAt: now });
    await source.manager.insert(UploadRow, {
      sumId: id,
      site: 'alpha',
      root: '',
      bytes: LARGE,
      statement: {} as never,
    });
  }
}

it('a list of runs costs as many statements as one run, and an upload may be larger than 2 GiB', async () => {
  const views = new RunViews(source, new EpsilonService(source));
  const query = vi.spyOn(PostgresQueryRunner.prototype, 'query');
  const listed = async () => {
    query.mockClear();
    const runs = await views.list();
    return { runs, statements: query.mock.calls.length };
  };
  await addRun(1);
  const one = await listed();
  for (const rounds of [3, 2]) await addRun(rounds);
  const three = await listed();
  expect(three.statements).toBe(one.statements);
  expect(three.runs.map((run) => run.rounds.length).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
  for (const round of three.runs.flatMap((run) => run.rounds))
    expect(round).toMatchObject({ participants: ['alpha'], uploadBytes: LARGE });
  query.mockRestore();
});
