import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CodedError, framed, postHead, type AssignmentOf, type ErrorCode, type Federation } from '@koinon/contracts';
import { tempDir, type TempDir } from '@koinon/testing';
import { afterEach, beforeEach, expect, it, vi, type MockInstance } from 'vitest';
import { UploadStore, Uploader } from '@koinon/site-client';
import { enrolledNode, taskOfSum, type EnrolledNode } from '../testing/enrolled-node.fixture.js';
import { federation, FakeCoordinator, KEY_EPOCH, Hospitals, OTHER_SUM, SUM, sha256 } from '@koinon/site-client/testing';
import { PrivacyLedger, TaskRunner, TrainingError, readLedger, type LedgerEntry } from '@koinon/local-training';
import { Agent } from './agent.js';

const heart = fileURLToPath(new URL('../../../../models/heart-disease/', import.meta.url));
const [model, schema] = [readFileSync(`${heart}generated/model.onnx`), readFileSync(`${heart}records.schema.json`)];
const recipe: Federation = { ...federation, sites: { ...federation.sites, maxRecords: 1024 } };
const told = { federation: recipe, recordsSchemaSha256: sha256(schema), modelSha256: sha256(model) };
const train = taskOfSum('fit', told);
/** The same round as another sum: what averages the noise away if each answer is trained anew and paid for once. */
const again = taskOfSum('fit', told, { sumId: OTHER_SUM, sumIndex: 1 });

let dir: TempDir;
let hospitals: Hospitals;
let coordinator: FakeCoordinator;
let node: EnrolledNode;
let stopping: AbortController;
let running: Promise<void>;
let trained: MockInstance<TaskRunner['train']>;
const rounds = (): LedgerEntry[] =>
  readLedger(join(dir.path, 'cleveland', 'privacy-ledger.json')).filter(({ id }) => !id.endsWith('/rows'));
const refusals: { code: ErrorCode; id: string; released: boolean | undefined }[] = [];
const asks = async (assignment: AssignmentOf<'task'>): Promise<void> => {
  const before = refusals.length;
  coordinator.assign(assignment);
  await vi.waitFor(() => expect(refusals.length).toBeGreaterThan(before), 20_000);
};
const start = async (): Promise<void> => {
  stopping = new AbortController();
  const side = {
    url: 'http://127.0.0.1:8000',
    load: async () => undefined,
    stats: () => ({ requests: 0, p50Ms: null, p99Ms: null }),
  };
  running = (await Agent.start(node.config, side, stopping.signal, () => undefined)).run();
};
const unchanged: TaskRunner['train'] = async (job, charge) => {
  charge();
  return { weights: job.weights, loss: null, steps: job.local.steps };
};

beforeEach(async () => {
  [dir, coordinator] = [tempDir(), await FakeCoordinator.start()];
  node = await enrolledNode(join(dir.path, 'cleveland'), coordinator);
  for (const blob of [model, schema]) coordinator.blobs.set(sha256(blob), blob);
  hospitals = await Hospitals.ready(dir.path, 'one-time-key');
  const frames = (await hospitals.relay.linkOf('cleveland').inbox(KEY_EPOCH, 'confirm')).flatMap(
    ({ statement, bodies }) => [postHead(statement, bodies.length), ...bodies],
  );
  refusals.length = 0;
  coordinator.answer = ({ path, body }) => {
    if (path.endsWith('/refusals')) {
      refusals.push({
        ...(JSON.parse(body.toString()) as { code: ErrorCode; id: string }),
        released: rounds()[0]?.released,
      });
      coordinator.assign();
    }
    if (path.endsWith('/blocks')) return [];
    return path.includes('/inbox') ? Buffer.concat([...framed(frames)]) : undefined;
  };
  trained = vi.spyOn(TaskRunner.prototype, 'train').mockImplementation(unchanged);
});
afterEach(async () => {
  vi.restoreAllMocks();
  stopping.abort();
  await running;
  await coordinator[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

it.each<[string, ErrorCode, () => unknown]>([
  [
    'a divergence of the trained weights',
    'TRAINING_DIVERGED',
    () =>
      trained.mockImplementation(async (job, charge) => ({
        ...(await unchanged(job, charge)),
        weights: job.weights.map(() => 1e9),
      })),
  ],
  [
    'a training that failed after it was paid',
    'SITE_TRAINING_FAILED',
    () =>
      trained.mockImplementation(async (job, charge) => {
        await unchanged(job, charge);
        throw new TrainingError('TRAINING_CRASHED', 'its process ended early');
      }),
  ],
  [
    'an update that could not be stored',
    'DISK_FULL',
    () =>
      vi.spyOn(UploadStore.prototype, 'save').mockImplementation(() => {
        throw new CodedError('DISK_FULL');
      }),
  ],
])('%s is the one answer that a charge pays for', async (_, code, prepare) => {
  prepare();
  await start();
  await asks(train);
  expect(refusals).toMatchObject([{ code, id: SUM, released: true }]);
  trained.mockImplementation(unchanged);
  await asks(
    taskOfSum(
      'fit',
      { ...told, federation: { ...recipe, local: { ...recipe.local, learningRate: 1 } } },
      { sumId: OTHER_SUM, sumIndex: 1 },
    ),
  );
  expect(refusals[1]).toMatchObject({ code: 'SITE_TRAINING_FAILED', id: OTHER_SUM });
  expect(rounds()).toHaveLength(1);
  expect(coordinator.requests.some(({ path }) => path.includes('/blocks'))).toBe(false);
});

it('says nothing of a diverged training that it cannot write down as told', async () => {
  trained.mockImplementation(async (job, charge) => ({
    ...(await unchanged(job, charge)),
    weights: job.weights.map(() => 1e9),
  }));
  const released = vi.spyOn(PrivacyLedger.prototype, 'release').mockImplementation(() => {
    throw new CodedError('DISK_FULL');
  });
  await start();
  coordinator.assign(train);
  await vi.waitFor(() => expect(released.mock.calls.length).toBeGreaterThan(1), 20_000);
  expect(refusals).toEqual([]);
  released.mockRestore();
  await vi.waitFor(() => expect(refusals).toMatchObject([{ code: 'TRAINING_DIVERGED', released: true }]), 20_000);
});

it.each<[string, ErrorCode, number]>([
  ['outside its key epoch', 'SHARE_REFUSED', 2],
  ['that was spent', 'MESSAGE_CONFLICT', 0],
])('a sum index %s is refused before anything is paid', async (_, code, sumIndex) => {
  await hospitals.upload('cleveland', SUM, 0, Uint32Array.of(1));
  await start();
  await asks({ ...again, sumIndex });
  expect(refusals).toMatchObject([{ code }]);
  expect(trained).not.toHaveBeenCalled();
  expect(rounds()).toEqual([]);
});

it.each<[string, () => Promise<void>]>([
  ['withdrawn', async () => coordinator.assign()],
  [
    'cut off',
    async () => {
      stopping.abort();
      await running;
      coordinator.assign();
      await start();
    },
  ],
])('a training of which nothing was said, %s, is repeated under one charge', async (_, interrupt) => {
  const begun = Promise.withResolvers<void>();
  const hang: TaskRunner['train'] = async (job, charge, signal) => {
    await unchanged(job, charge);
    begun.resolve();
    await new Promise((__, cut) => {
      for (const ends of [signal!, stopping.signal])
        ends.addEventListener('abort', () => cut(new TrainingError('TRAINING_CANCELLED', 'it was cancelled')));
    });
    return unchanged(job, charge);
  };
  trained.mockImplementation(hang);
  await start();
  coordinator.assign(train);
  await begun.promise;
  await interrupt();
  await vi.waitFor(() => expect(coordinator.held).toBe(1), 20_000);
  expect(rounds()).toMatchObject([{ released: false }]);
  trained.mockImplementation(unchanged);
  coordinator.assign(again);
  await vi.waitFor(() => expect(coordinator.posted(`/v1/site/sums/${OTHER_SUM}/finish`)).not.toEqual([]), 20_000);
  expect(refusals).toEqual([]);
  expect(rounds()).toMatchObject([{ released: true }]);
});

/** What a crash between the stored ciphertext and the ledger's release leaves. */
const crashBeforeRelease = async (): Promise<void> => {
  const release = vi.spyOn(PrivacyLedger.prototype, 'release').mockImplementation(() => stopping.abort());
  vi.spyOn(Uploader.prototype, 'send').mockResolvedValueOnce();
  await start();
  coordinator.assign(train);
  await running;
  release.mockRestore();
  expect(rounds()).toMatchObject([{ released: false }]);
  coordinator.assign();
  await start();
};

it('the stored update of a round is its answer whatever the sum is asked for as', async () => {
  await crashBeforeRelease();
  coordinator.assign(taskOfSum('evaluate', told));
  await vi.waitFor(() => expect(coordinator.posted(`/v1/site/sums/${SUM}/finish`)).not.toEqual([]), 20_000);
  expect(rounds()).toMatchObject([{ released: true }]);
});

it('a round whose update is stored is not trained again as another sum', async () => {
  await crashBeforeRelease();
  await asks(again);
  expect(refusals).toMatchObject([{ code: 'SITE_TRAINING_FAILED', id: OTHER_SUM, released: true }]);
});
