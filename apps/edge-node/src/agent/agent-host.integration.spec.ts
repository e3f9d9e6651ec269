import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Federation } from '@koinon/contracts';
import { GraphBuilder, attr, encodeModel } from '@koinon/onnx';
import { freePort, tempDir, type TempDir } from '@koinon/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { enrolledNode, releaseOf, taskOfSum, type EnrolledNode } from '../testing/enrolled-node.fixture.js';
import { federation, FakeCoordinator, KEY_EPOCH, Hospitals, OTHER_SUM, SUM, sha256 } from '@koinon/site-client/testing';
import { ReleaseStore } from '../releases/release-store.js';

const { AgentHost } = (await import(
  new URL('../../dist/agent/agent-host.js', import.meta.url).href
)) as typeof import('./agent-host.js');
const heart = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../../../../models/heart-disease/${name}`, import.meta.url))));
const [model, schema] = [heart('generated/model.onnx'), heart('records.schema.json')];
const blobs = { recordsSchemaSha256: sha256(schema), modelSha256: sha256(model) };
const training = (
  changes: Parameters<typeof taskOfSum>[1] = {},
  local: Partial<Federation['local']> = {},
  sum?: Parameters<typeof taskOfSum>[2],
) =>
  taskOfSum(
    'fit',
    { ...blobs, federation: { ...federation, local: { ...federation.local, ...local } }, ...changes },
    sum,
  );
/** 13 features to one logit, with at least as many weights. */
function wideModel(weights: number): Uint8Array {
  const graph = new GraphBuilder('wide');
  const width = Math.ceil(weights / 13);
  const hidden = graph.op('MatMul', [
    graph.input('features', 'float32', ['N', 13]),
    graph.initializer('weight', 'float32', [13, width], new Float32Array(13 * width)),
  ]);
  graph.op('ReduceSum', [hidden, graph.ints(1)], {}, 'logits');
  graph.output(graph.op('Sigmoid', ['logits']), 'float32', ['N', 1]);
  return encodeModel(graph.model());
}
/** Child processes of this process that train. */
const trainers = (): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      const [, ppid] = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
      return Number(ppid) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('task.child');
    } catch {
      return false;
    }
  });

describe('the agent thread', () => {
  let dir: TempDir;
  let home: string;
  let coordinator: FakeCoordinator;
  let node: EnrolledNode;
  let agent: Awaited<ReturnType<typeof AgentHost.start>> | undefined;
  const load = vi.fn<() => Promise<never>>(async () => undefined as never);
  const limit = vi.fn<(model: string, term: unknown) => void>();
  const start = async (config = node.config): Promise<void> => {
    const serving = {
      runtime: { load },
      models: { limit },
      stats: { snapshot: () => ({ requests: 0, p50Ms: null, p99Ms: null }) },
    };
    agent = await AgentHost.start({ config, servingUrl: 'http://127.0.0.1:8000' }, serving);
  };
  const ledger = (): { id: string; released: boolean; mechanism: { steps?: number } }[] =>
    (
      JSON.parse(readFileSync(join(home, 'privacy-ledger.json'), 'utf8')) as {
        entries: { id: string; released: boolean; mechanism: { steps?: number } }[];
      }
    ).entries;
  /** Noise for a million weights in every step takes much longer than a test needs to notice it. */
  const startLongTraining = async (): Promise<void> => {
    const wide = wideModel(1_000_000);
    coordinator.blobs.set(sha256(wide), wide);
    const trainable = { ...federation.model, trainable: ['weight'] };
    coordinator.assign(
      training({
        modelSha256: sha256(wide),
        federation: { ...federation, model: trainable, local: { ...federation.local, steps: 100, samplingRate: 0.01 } },
      }),
    );
    await start({ ...node.config, budget: null });
    // Charged: the child has its records' leave and trains.
    await vi.waitFor(() => expect(ledger().at(-1)).toMatchObject({ released: false }), 20_000);
  };
  beforeEach(async () => {
    dir = tempDir();
    home = join(dir.path, 'cleveland');
    await (await Hospitals.ready(dir.path, 'one-time-key')).site('cleveland').ceremony.agreed(KEY_EPOCH);
    coordinator = await FakeCoordinator.start();
    node = await enrolledNode(home, coordinator);
    for (const blob of [model, schema]) coordinator.blobs.set(sha256(blob), blob);
    load.mockClear();
  });
  afterEach(async () => {
    await agent?.stop();
    agent = undefined;
    await coordinator[Symbol.asyncDispose]();
    dir[Symbol.dispose]();
  });

  it('charges the ledger before it trains and marks the charge before the first byte leaves', async () => {
    const atFirstByte = Promise.withResolvers<ReturnType<typeof ledger>>();
    coordinator.answer = ({ path, method }) => {
      if (path.endsWith('/blocks') && method === 'GET') return [];
      if (path.includes('/blocks/')) atFirstByte.resolve(ledger());
      if (path.endsWith('/finish')) coordinator.assign();
      return undefined;
    };
    coordinator.assign(training());
    await start();
    expect((await atFirstByte.promise).map(({ id, released }) => [id.split('/').at(-1), released])).toEqual([
      ['rows', true],
      ['1', true],
    ]);
    await vi.waitFor(() => expect(coordinator.posted(`/v1/site/sums/${SUM}/finish`)).not.toEqual([]), 10_000);
    expect(coordinator.posted('/v1/site/refusals')).toEqual([]);
    // The model lay there for the child process only.
    expect(readdirSync(join(home, 'work'))).toEqual([`${sha256(schema)}.json`]);
  });

  it('charges what is trained, also when a later round of the run asks for more steps than the first', async () => {
    coordinator.answer = ({ path, method }) => {
      if (path.endsWith('/blocks') && method === 'GET') return [];
      if (path.endsWith('/finish'))
        coordinator.assign(training({ round: 2 }, { steps: 7 }, { sumId: OTHER_SUM, sumIndex: 1 }));
      if (path.endsWith(`${OTHER_SUM}/finish`)) coordinator.assign();
      return undefined;
    };
    coordinator.assign(training());
    await start();
    await vi.waitFor(() => expect(coordinator.posted(`/v1/site/sums/${OTHER_SUM}/finish`)).not.toEqual([]), 20_000);
    expect(ledger().map(({ mechanism }) => mechanism.steps)).toEqual([undefined, 2, 7]);
    expect(coordinator.requests.filter(({ path }) => path === `/v1/site/blobs/${sha256(schema)}`)).toHaveLength(1);
  });

  it('stops while a child trains and leaves no process behind', async () => {
    await startLongTraining();
    expect(trainers()).toHaveLength(1);
    await agent!.stop();
    await vi.waitFor(() => expect(trainers()).toEqual([]), 5000);
    expect(coordinator.posted('/v1/site/refusals')).toEqual([]);
    expect(ledger().at(-1)).toMatchObject({ released: false });
    expect(existsSync(join(home, 'uploads'))).toBe(false);
  });

  it('leaves a training that the coordinator no longer waits for, and does what is asked next at once', async () => {
    await startLongTraining();
    coordinator.answer = ({ path, method }) => {
      if (path.endsWith('/blocks') && method === 'GET') return [];
      if (path.endsWith('/finish')) coordinator.assign();
      return undefined;
    };
    coordinator.assign(training({ runId: randomUUID() }, {}, { sumId: OTHER_SUM, sumIndex: 1 }));
    await vi.waitFor(() => expect(coordinator.posted(`/v1/site/sums/${OTHER_SUM}/finish`)).not.toEqual([]), 20_000);
    expect(ledger().map(({ released }) => released)).toEqual([true, false, true, true]);
    expect(coordinator.posted(`/v1/site/sums/${SUM}/finish`)).toEqual([]);
    expect(coordinator.posted('/v1/site/refusals')).toEqual([]);
  });

  it('refuses an evaluation whose model never ends, and goes on', async () => {
    const body = new GraphBuilder('body');
    body.input('step', 'int64', []);
    body.output(body.op('Identity', [body.input('going', 'bool', [])]));
    body.output(body.op('Add', [body.input('total', 'float32', ['N', 13]), 'features']));
    const graph = new GraphBuilder('endless');
    const features = graph.input('features', 'float32', ['N', 13]);
    graph.op(
      'Loop',
      [graph.constant('int64', [], [Number.MAX_SAFE_INTEGER]), graph.constant('bool', [], [1]), features],
      { body: attr.graph(body.graph) },
      'probability',
    );
    graph.output('probability');
    const endless = encodeModel(graph.model());
    coordinator.blobs.set(sha256(endless), endless);
    coordinator.assign(taskOfSum('evaluate', { ...blobs, modelSha256: sha256(endless) }));
    await start({ ...node.config, training: { memoryMb: 512, timeoutMs: 1000 } });
    await vi.waitFor(
      () =>
        expect(coordinator.posted('/v1/site/refusals')).toEqual([
          { subject: 'sum', id: SUM, code: 'SITE_EVALUATION_FAILED' },
        ]),
      20_000,
    );
    coordinator.assign(await releaseOf(model, 4, node.coordinatorSigner));
    await vi.waitFor(() => expect(load).toHaveBeenCalledOnce(), 10_000);
    expect(readdirSync(join(home, 'work'))).toEqual([`${sha256(schema)}.json`]);
  });

  it('starts and serves what it served last when the coordinator is down', async () => {
    const store = new ReleaseStore(
      join(home, 'releases'),
      node.coordinatorSigner.publicKey,
      { blob: async () => model },
      0,
    );
    await store.remember(
      await store.fetch('heart-disease', (await releaseOf(model, 4, node.coordinatorSigner)).release),
    );
    await start({ ...node.config, coordinatorUrl: `http://127.0.0.1:${await freePort()}` });
    await vi.waitFor(
      () =>
        expect(load).toHaveBeenCalledWith(
          expect.objectContaining({ name: 'heart-disease', version: '4', sha256: sha256(model) }),
        ),
      5000,
    );
    const expiresAt = Date.parse('2999-01-01T00:00:00Z');
    await vi.waitFor(() =>
      expect(limit).toHaveBeenCalledWith('heart-disease', { expiresAt, servedUntil: expiresAt + 30 * 86_400_000 }),
    );
    const failed = vi.fn<(error: unknown) => void>();
    agent!.failed.catch(failed);
    await agent!.stop();
    expect(failed).not.toHaveBeenCalled();
  });

  it('says why it cannot start', async () => {
    await expect(start({ ...node.config, coordinatorKeyFingerprint: '00'.repeat(32) })).rejects.toMatchObject({
      code: 'SIGNATURE_INVALID',
    });
  });
});
