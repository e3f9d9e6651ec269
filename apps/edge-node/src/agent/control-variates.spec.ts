/** SCAFFOLD at a site that is cut off at every point: one answer of a charged round, made of its stored, noised result. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { framed, postHead, type AssignmentOf, type ErrorCode } from '@koinon/contracts';
import { Quantiser } from '@koinon/he';
import { TaskRunner, readLedger } from '@koinon/local-training';
import { UploadStore, Uploader } from '@koinon/site-client';
import { KEY_EPOCH, FakeCoordinator, Hospitals, OTHER_SUM, SUM, federation, sha256 } from '@koinon/site-client/testing';
import { tempDir, type TempDir } from '@koinon/testing';
import { afterEach, beforeEach, expect, it, vi, type MockInstance } from 'vitest';
import { enrolledNode, taskOfSum, type EnrolledNode } from '../testing/enrolled-node.fixture.js';
import { Agent } from './agent.js';

const heart = fileURLToPath(new URL('../../../../models/heart-disease/', import.meta.url));
const [model, schema] = [readFileSync(`${heart}generated/model.onnx`), readFileSync(`${heart}records.schema.json`)];
const THIRD_SUM = '00000000-0000-4000-8000-000000000003';
const RUN = '00000000-0000-4000-8000-0000000000ff';
const told = { federation, recordsSchemaSha256: sha256(schema), modelSha256: sha256(model), runId: RUN };
const scaffold = { ...told, weighting: 'uniform', controlVariate: true } as const;
const fit = taskOfSum('fit', scaffold);
const control = taskOfSum('control', told, { sumId: OTHER_SUM, sumIndex: 1 });
/** How far training moves each weight, in turn: each one draws noise of its own. */
const MOVES = [0.02, -0.03];

let dir: TempDir;
let coordinator: FakeCoordinator;
let node: EnrolledNode;
let stopping: AbortController;
let running: Promise<void>;
let trained: MockInstance<TaskRunner['train']>;
let encrypted: MockInstance<Uploader['encrypt']>;
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
const answers = (sumId: string): Uint32Array[] =>
  encrypted.mock.calls.filter(([, sum]) => sum === sumId).map(([, , , values]) => values);
const charged = () =>
  readLedger(join(dir.path, 'cleveland', 'privacy-ledger.json')).filter(({ id }) => !id.endsWith('/rows'));
/** What an answer says: the change of the control variate, which is −(y − x)/(K·η) in the first round. */
const changeIn = (answer: Uint32Array): number[] => {
  const { steps, learningRate } = federation.local;
  const range = (2 * federation.encryption.range) / (steps * learningRate);
  return Array.from(Quantiser.from({ bits: federation.encryption.bits, range }).dequantiseSum(answer, 1));
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
  encrypted = vi.spyOn(Uploader.prototype, 'encrypt');
  await start();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await cutOff();
  await coordinator[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

it('is made of the result that was sent, and is the same bytes however often it is asked for', async () => {
  await ask(fit);
  await cutOff();
  await start();
  await ask(control);
  await ask(taskOfSum('control', told, { sumId: THIRD_SUM, sumIndex: 2 }));
  const { steps, learningRate } = federation.local;
  const [answer] = answers(OTHER_SUM);
  for (const change of changeIn(answer!)) expect(change).toBeCloseTo(-MOVES[0]! / (steps * learningRate), 3);
  expect(charged()).toMatchObject([{ released: true }]);
  expect(answers(THIRD_SUM)).toEqual([answer]);
  expect(trainings()).toBe(1);
  expect(refusals).toEqual([]);
});

it('of a training that was never sent is its one answer: the round is not trained again with fresh noise', async () => {
  // Cut off between the stored result and the stored ciphertext.
  vi.spyOn(UploadStore.prototype, 'save').mockImplementationOnce(() => {
    stopping.abort();
    throw new Error('the process is gone');
  });
  coordinator.assign(fit);
  await running;
  expect(charged()).toMatchObject([{ released: false }]);
  coordinator.assign();
  await start();
  await ask(control);
  expect(changeIn(answers(OTHER_SUM)[0]!)[0]).toBeCloseTo(-MOVES[0]! / 0.4, 3);
  expect(charged()).toMatchObject([{ released: true }]);
  await ask(fit);
  expect(refusals).toMatchObject([{ id: SUM, code: 'SITE_TRAINING_FAILED' }]);
  expect(trainings()).toBe(1);
});

it('of a training that was repeated is that of the one that is sent', async () => {
  vi.spyOn(UploadStore.prototype, 'save').mockImplementationOnce(() => {
    stopping.abort();
    throw new Error('the process is gone');
  });
  coordinator.assign(fit);
  await running;
  coordinator.assign();
  await start();
  await ask(fit);
  await ask(control);
  expect(trainings()).toBe(2);
  expect(changeIn(answers(OTHER_SUM)[0]!)[0]).toBeCloseTo(-MOVES[1]! / 0.4, 3);
});

it('is refused where nothing was trained, and what is asked of a control variate that is not there', async () => {
  await ask(control);
  expect(refusals).toMatchObject([{ id: OTHER_SUM, code: 'SITE_STATE_LOST' }]);
  await ask(taskOfSum('fit', { ...scaffold, round: 2, counted: { control: 1 } }));
  expect(refusals[1]).toMatchObject({ id: SUM, code: 'SITE_STATE_LOST' });
  expect(charged()).toEqual([]);
  expect(trained).not.toHaveBeenCalled();
});
