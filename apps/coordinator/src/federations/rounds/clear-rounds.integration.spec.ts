import { randomUUID } from 'node:crypto';
import { withDatabase } from '@koinon/testing';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { DataSource } from 'typeorm';
import type { BlobStore } from '../../platform/blobs/blob-store.js';
import { connectDatabase } from '../../database/data-source.js';
import { KeyEpochRow } from '../../key-epochs/key-epochs.entities.js';
import { RoundRow, RunRow } from '../federations.entities.js';
import { ceremonyKey } from '../../key-epochs/ceremony.js';
import { tinySpec } from '../../testing/tiny-federation.fixture.js';
import { ClearRoundsService } from './clear-rounds.service.js';

const database = withDatabase();
let source: DataSource;
/** Keys of the rounds' ceremonies in the order in which the rounds ended. */
const keys: string[] = [];

beforeAll(async () => {
  source = await connectDatabase(database.url, 10_000);
  const run = {
    id: randomUUID(),
    federation: 'tiny',
    spec: tinySpec() as never,
    modelSha256: '',
    recordsSchemaSha256: '',
    parameterCount: 4,
    seed: null,
  };
  await source.manager.insert(RunRow, {
    ...run,
    noiseMultiplier: 0,
    epsilonAfter: {},
    state: 'done',
    failure: null,
    startedAt: new Date(),
    finishedAt: new Date(),
  });
  for (let number = 1; number <= 25; number++) {
    const [id, keyEpochId] = [randomUUID(), randomUUID()];
    await source.manager.insert(RoundRow, {
      id,
      runId: run.id,
      number,
      state: 'done',
      cohort: [],
      exclusions: [],
      tasks: [],
      keyEpochId: null,
      baseVersion: 1,
      version: null,
      strategySha256: null,
      metrics: null,
      failure: null,
      timeline: [],
      startedAt: new Date(0),
      finishedAt: new Date(number * 1000),
    });
    await source.manager.insert(KeyEpochRow, {
      id: keyEpochId,
      roundId: id,
      header: {} as never,
      headerSha256: '',
      roster: [],
      state: 'over',
      stepIndex: 0,
      stepDeadlineAt: new Date(),
      failure: null,
    });
    keys.push(ceremonyKey(keyEpochId));
  }
});
afterAll(() => source.destroy());

it('rounds are cleared by one pass at a time, those that ended first before others, and none waits for one that cannot be removed', async () => {
  const warned = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  const stuck = new Set(keys.slice(0, 20));
  const removed: string[] = [];
  const gate = Promise.withResolvers<void>();
  const removeBelow = async (key: string): Promise<void> => {
    await gate.promise;
    if (stuck.has(key)) throw new Error('EACCES');
    removed.push(key);
  };
  const rounds = new ClearRoundsService(source, { removeBelow } as unknown as BlobStore);
  const first = rounds.clear();
  await rounds.clear();
  gate.resolve();
  await first;
  expect(removed).toEqual([]);
  await rounds.clear();
  expect(removed).toEqual(keys.slice(20));
  expect(warned).toHaveBeenCalledTimes(20);
  expect(await source.manager.countBy(RoundRow, { cleared: true })).toBe(5);
  // A disk that is whole again is found out when nothing else is left.
  stuck.delete(keys[0]!);
  await rounds.clear();
  expect(removed.at(-1)).toBe(keys[0]);
  expect(warned).toHaveBeenCalledTimes(20);
});
