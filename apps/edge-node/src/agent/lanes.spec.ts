import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { framed, postHead } from '@koinon/contracts';
import { TaskRunner, TrainingError } from '@koinon/local-training';
import { KEY_EPOCH, FakeCoordinator, Hospitals, OTHER_SUM, SUM, federation, sha256 } from '@koinon/site-client/testing';
import { tempDir, type TempDir } from '@koinon/testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { InstalledRelease } from '../releases/release-store.js';
import { enrolledNode, releaseOf, taskOfSum, type EnrolledNode } from '../testing/enrolled-node.fixture.js';
import { Agent } from './agent.js';

const heart = fileURLToPath(new URL('../../../../models/heart-disease/', import.meta.url));
const [model, schema] = [readFileSync(`${heart}generated/model.onnx`), readFileSync(`${heart}records.schema.json`)];
const told = {
  federation: { ...federation, sites: { ...federation.sites, maxRecords: 1024 } },
  recordsSchemaSha256: sha256(schema),
  modelSha256: sha256(model),
};
const train = taskOfSum('fit', told, { sumId: OTHER_SUM, sumIndex: 1 });

let dir: TempDir;
let coordinator: FakeCoordinator;
let hospitals: Hospitals;
let node: EnrolledNode;
let stopping: AbortController;
let running: Promise<void>;
/** Trainings under way that end only when they are told to. */
const trainings: { readonly round: number; readonly signal: AbortSignal }[] = [];
const load = vi.fn<(release: InstalledRelease) => Promise<void>>();
const has = (method: string, path: string): boolean =>
  coordinator.requests.some((request) => request.method === method && request.path === path);

/** A key epoch in which the first sum waits for this node's share, and the second for its update. */
beforeEach(async () => {
  [dir, coordinator, stopping] = [tempDir(), await FakeCoordinator.start(), new AbortController()];
  hospitals = await Hospitals.ready(dir.path, 'one-time-key', { sums: 4 });
  const { relay } = hospitals;
  for (const site of relay.header.roster) await hospitals.upload(site, SUM, 0, Uint32Array.of(1, 2, 3));
  node = await enrolledNode(join(dir.path, 'cleveland'), coordinator, hospitals.coordinator);
  for (const blob of [model, schema]) coordinator.blobs.set(sha256(blob), blob);
  const link = relay.linkOf('cleveland');
  const confirmed = (await link.inbox(KEY_EPOCH, 'confirm')).flatMap(({ statement, bodies }) => [
    postHead(statement, bodies.length),
    ...bodies,
  ]);
  coordinator.answer = ({ method, path }) => {
    const index = Number(path.split('/').at(-1));
    if (path.includes('/inbox')) return Buffer.concat([...framed(confirmed)]);
    if (path.includes('/sum/')) return relay.sums.get(SUM)![index];
    if (path.includes('/openings/'))
      return async (response: ServerResponse) => {
        const opening = JSON.stringify(await link.opening(SUM, index));
        response.writeHead(200, { 'content-type': 'application/json' }).end(opening);
      };
    return method === 'GET' && path.endsWith('/blocks') ? [] : undefined;
  };
  trainings.length = 0;
  vi.spyOn(TaskRunner.prototype, 'train').mockImplementation(async ({ round }, charge, signal) => {
    charge();
    trainings.push({ round, signal: signal! });
    return new Promise((_, cancelled) => {
      const end = (): void => cancelled(new TrainingError('TRAINING_CANCELLED', 'it was cancelled'));
      for (const ends of [signal!, stopping.signal]) ends.addEventListener('abort', end);
    });
  });
  load.mockReset().mockResolvedValue(undefined);
  const side = {
    url: 'http://127.0.0.1:8000',
    load,
    stats: () => ({ requests: 0, p50Ms: null, p99Ms: null }),
  };
  running = (await Agent.start(node.config, side, stopping.signal, () => undefined)).run();
});
afterEach(async () => {
  stopping.abort();
  await running;
  vi.restoreAllMocks();
  await coordinator[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

it('a training that never ends makes no key step, decryption share or release late, of whichever federation', async () => {
  coordinator.assign(train);
  await vi.waitFor(() => expect(trainings).toHaveLength(1), 20_000);
  const { relay } = hospitals;
  const share = await hospitals.freeze(SUM, 0, relay.header.roster);
  const another = { ...relay.header, keyEpochId: randomUUID() };
  const second = taskOfSum('fit', { ...told, runId: randomUUID(), round: 2 }, { sumId: randomUUID(), sumIndex: 2 });
  coordinator.keyEpochs = [KEY_EPOCH, another.keyEpochId];
  coordinator.assign(
    train,
    second,
    await releaseOf(model, 1, node.coordinatorSigner),
    share,
    hospitals.ceremony(relay.steps[0]!, another),
  );
  await vi.waitFor(() => {
    expect(has('POST', `/v1/site/sums/${SUM}/decryption-share`)).toBe(true);
    expect(has('POST', `/v1/site/key-epochs/${another.keyEpochId}/messages`)).toBe(true);
    expect(coordinator.posted('/v1/site/status').at(-1)).toMatchObject({ serving: [{ version: 1 }] });
  }, 20_000);
  // One training at a time: the site's memory is for one.
  expect(trainings.map(({ round, signal }) => [round, signal.aborted])).toEqual([[1, false]]);
  expect(coordinator.posted('/v1/site/refusals')).toEqual([]);
});

it('what is withdrawn from one lane ends at once, and what runs in another goes on', async () => {
  const loaded = Promise.withResolvers<void>();
  load.mockReturnValueOnce(loaded.promise);
  const release = await releaseOf(model, 1, node.coordinatorSigner);
  coordinator.assign(train, release);
  await vi.waitFor(() => expect([trainings.length, load.mock.calls.length]).toEqual([1, 1]), 20_000);
  coordinator.assign(taskOfSum('fit', { ...told, round: 2 }, { sumId: randomUUID(), sumIndex: 2 }), release);
  await vi.waitFor(() => expect(trainings).toHaveLength(2), 20_000);
  expect(trainings.map(({ round, signal }) => [round, signal.aborted])).toEqual([
    [1, true],
    [2, false],
  ]);
  loaded.resolve();
  await vi.waitFor(() =>
    expect(coordinator.posted('/v1/site/status').at(-1)).toMatchObject({ serving: [{ version: 1 }] }),
  );
  expect(load).toHaveBeenCalledOnce();
  expect(coordinator.posted('/v1/site/refusals')).toEqual([]);
});

it('the end of the node ends every lane', async () => {
  coordinator.assign(train);
  await vi.waitFor(() => expect(trainings).toHaveLength(1), 20_000);
  stopping.abort();
  await running;
  expect(coordinator.posted('/v1/site/refusals')).toEqual([]);
});
