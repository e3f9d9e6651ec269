/** SCAFFOLD at a site that is cut off: its control variate is made of what it sent, and a round that is built on is never trained again. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { framed, postHead, type AssignmentOf, type ErrorCode } from '@koinon/contracts';
import { TaskRunner, readLedger } from '@koinon/local-training';
import { UploadStore } from '@koinon/site-client';
import { KEY_EPOCH, FakeCoordinator, Hospitals, OTHER_SUM, SUM, federation, sha256 } from '@koinon/site-client/testing';
import { tempDir, type TempDir } from '@koinon/testing';
import { afterEach, beforeEach, expect, it, vi, type MockInstance } from 'vitest';
import { enrolledNode, taskOfSum, type EnrolledNode } from '../testing/enrolled-node.fixture.js';
import { Agent } from './agent.js';

const heart = fileURLToPath(new URL('../../../../models/heart-disease/', import.meta.url));
const [model, schema] = [readFileSync(`${heart}generated/model.onnx`), readFileSync(`${heart}records.schema.json`)];
const RUN = '00000000-0000-4000-8000-0000000000ff';
const told = { federation, recordsSchemaSha256: sha256(schema), modelSha256: sha256(model), runId: RUN };
const scaffold = { ...told, weighting: 'uniform', controlVariate: true } as const;
const fit = taskOfSum('fit', scaffold);
const second = taskOfSum('fit', { ...scaffold, round: 2, counted: { fit: 1 } }, { sumId: OTHER_SUM, sumIndex: 1 });
/** How far training moves each weight, in turn: each one draws noise of its own. */
const MOVES = [0.02, -0.03, 0.01];

let dir: TempDir;
let coordinator: FakeCoordinator;
let node: EnrolledNode;
let stopping: AbortController;
let running: Promise<void>;
let trained: MockInstance<TaskRunner['train']>;
const refusals: { id: string; code: ErrorCode }[] = [];

const start = async (): Promise<void> => {
  stopping = new AbortController();
  const side = {
    url: 'http://127.0.0.1:8000',
    load: async () => undefined,
    stats: () => ({ requests: 0, p50Ms: null, p99Ms: null }),
  };
  running = (await Agent.start(node.config, side, stopping.signal, () => undefined)).run();
};
const cutOff = async (): Promise<void> => {
  stopping.abort();
  await running;
};
const ended = (): number =>
  refusals.length + coordinator.requests.filter(({ path }) => path.endsWith('/finish')).length;
/** Asks until this is sent or refused. */
const ask = async (assignment: AssignmentOf<'task'>): Promise<void> => {
  const before = ended();
  coordinator.assign(assignment);
  await vi.waitFor(() => expect(ended()).toBeGreaterThan(before), 20_000);
};
/** Those that were paid for; a refused charge ends one before it begins. */
const trainings = (): number => trained.mock.settledResults.filter(({ type }) => type === 'fulfilled').length;
const charged = () =>
  readLedger(join(dir.path, 'cleveland', 'privacy-ledger.json')).filter(({ id }) => !id.endsWith('/rows'));
/** c_i as the second round's steps are corrected by it, −c_i: after one round (y − x)/(K·η) of what was sent. */
const corrections = () => trained.mock.calls.map(([{ correction }]) => correction?.[0] ?? null);
const { steps, learningRate } = federation.local;
const cutOffBeforeTheCiphertext = async (): Promise<void> => {
  vi.spyOn(UploadStore.prototype, 'save').mockImplementationOnce(() => {
    stopping.abort();
    throw new Error('the process is gone');
  });
  coordinator.assign(fit);
  await running;
  coordinator.assign();
  await start();
};

beforeEach(async () => {
  [dir, coordinator] = [tempDir(), await FakeCoordinator.start()];
  node = await enrolledNode(join(dir.path, 'cleveland'), coordinator);
  for (const blob of [model, schema]) coordinator.blobs.set(sha256(blob), blob);
  coordinator.runs = [RUN];
  const hospitals = await Hospitals.ready(dir.path, 'one-time-key', { sums: 3 });
  const frames = (await hospitals.relay.linkOf('cleveland').inbox(KEY_EPOCH, 'confirm')).flatMap(
    ({ statement, bodies }) => [postHead(statement, bodies.length), ...bodies],
  );
  refusals.length = 0;
  coordinator.answer = ({ path, body }) => {
    if (path.endsWith('/refusals')) refusals.push(JSON.parse(body.toString()) as (typeof refusals)[0]);
    if (path.endsWith('/refusals') || path.endsWith('/finish')) coordinator.assign();
    if (path.endsWith('/blocks')) return [];
    return path.includes('/inbox') ? Buffer.concat([...framed(frames)]) : undefined;
  };
  trained = vi.spyOn(TaskRunner.prototype, 'train').mockImplementation(async (job, charge) => {
    charge();
    const move = MOVES[trained.mock.calls.length - 1]!;
    return { weights: job.weights.map((weight) => weight + move), loss: null, steps: job.local.steps };
  });
  await start();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await cutOff();
  await coordinator[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

it('is made of the result that was sent, also after a restart', async () => {
  await ask(fit);
  await cutOff();
  await start();
  await ask(second);
  expect(corrections()[0]).toBeNull();
  expect(corrections()[1]).toBeCloseTo(MOVES[0]! / (steps * learningRate), 3);
  expect(charged()).toMatchObject([{ released: true }, { released: true }]);
  expect(refusals).toEqual([]);
});

it('of a training that was repeated is that of the one that is sent', async () => {
  await cutOffBeforeTheCiphertext();
  expect(charged()).toMatchObject([{ released: false }]);
  await ask(fit);
  await ask(second);
  expect(trainings()).toBe(3);
  expect(corrections()[2]).toBeCloseTo(MOVES[1]! / (steps * learningRate), 3);
});

it('of a training that was never sent: who builds on it can not have it again with fresh noise', async () => {
  await cutOffBeforeTheCiphertext();
  await ask(second);
  expect(charged()).toMatchObject([{ released: true }, { released: true }]);
  await ask(fit);
  expect(refusals).toMatchObject([{ id: SUM, code: 'SITE_TRAINING_FAILED' }]);
  expect(trainings()).toBe(2);
});

it('that is not there is refused, and costs nothing', async () => {
  await ask(second);
  expect(refusals).toMatchObject([{ id: OTHER_SUM, code: 'SITE_STATE_LOST' }]);
  expect(charged()).toEqual([]);
  expect(trained).not.toHaveBeenCalled();
});
