import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeModel, GraphBuilder } from '@koinon/onnx';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { FEATURE_COUNT, linearAnswer, writeLinearModel, writeModel } from './testing/linear-model.js';
import { ModelRuntime, type RuntimeOptions } from './model-runtime.js';
import type { GoldenVector, LoadedModelSpec } from './model-spec.js';
import type { Tensor } from './datatypes.js';
import { SessionPool } from './session-pool.js';

const NAME = 'heart-disease';
const row = Array.from({ length: FEATURE_COUNT }, (_, index) => Math.sin(index));
const features = (): Record<string, Tensor> => ({
  features: { datatype: 'FP32', shape: [1, FEATURE_COUNT], data: Float32Array.from(row) },
});
const golden = (bias: number): GoldenVector => ({
  inputs: features(),
  outputs: { probability: { datatype: 'FP32', shape: [1, 1], data: Float32Array.of(linearAnswer(bias, row)) } },
  tolerance: 1e-6,
});

let folder: string;
const versions: LoadedModelSpec[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koinon-runtime-'));
  for (let version = 0; version <= 6; version++) versions.push(await writeLinearModel(folder, version));
});

afterAll(() => rm(folder, { recursive: true }));

async function start(options: RuntimeOptions = { threads: 1 }): Promise<ModelRuntime> {
  const runtime = await ModelRuntime.start(options);
  onTestFinished(() => runtime.close());
  return runtime;
}

function version(number: number): LoadedModelSpec {
  const spec = versions.at(number);
  if (!spec) throw new Error(`No version ${number} was written.`);
  return spec;
}

const coded = (code: string) => expect.objectContaining({ code });

describe('ModelRuntime', () => {
  it('loads a model, learns its signature from the session, and computes', async () => {
    const runtime = await start();
    const slot = await runtime.load(version(1));
    expect(slot).toEqual({
      name: NAME,
      version: '1',
      sha256: version(1).sha256,
      inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, FEATURE_COUNT] }],
      outputs: [{ name: 'probability', datatype: 'FP32', shape: [-1, 1] }],
    });
    const { outputs, ...answer } = await runtime.infer(NAME, undefined, features());
    expect(answer.version).toBe('1');
    expect(answer.computeMs).toBeGreaterThan(0);
    expect(outputs['probability']?.data[0]).toBeCloseTo(linearAnswer(1, row), 6);
  });

  it('takes over the buffers that a tensor fills and copies the others', async () => {
    const runtime = await start();
    await runtime.load(version(1));
    const whole = features();
    const shared = new Float32Array(FEATURE_COUNT + 1);
    const part: Record<string, Tensor> = {
      features: { datatype: 'FP32', shape: [1, FEATURE_COUNT], data: shared.subarray(1) },
    };
    await runtime.infer(NAME, '1', whole);
    await runtime.infer(NAME, '1', part);
    expect(whole['features']?.data.byteLength).toBe(0);
    expect(shared.byteLength).toBe(4 * (FEATURE_COUNT + 1));
  });

  it('refuses requests that do not fit the model', async () => {
    const runtime = await start();
    await expect(runtime.infer(NAME, undefined, features())).rejects.toEqual(coded('MODEL_NOT_LOADED'));
    await runtime.load(version(1));
    await expect(runtime.infer(NAME, '2', features())).rejects.toEqual(coded('VERSION_NOT_LOADED'));
    await expect(runtime.infer(NAME, '1', features(), { outputs: ['logit'] })).rejects.toEqual(coded('OUTPUT_UNKNOWN'));
    const one = Float32Array.of(1);
    const bad: Record<string, Tensor>[] = [
      {},
      { ...features(), more: { datatype: 'FP32', shape: [1], data: one } },
      { features: { datatype: 'FP32', shape: [1, FEATURE_COUNT], data: one } },
      { features: { datatype: 'FP32', shape: [FEATURE_COUNT], data: new Float32Array(FEATURE_COUNT) } },
      { features: { datatype: 'FP32', shape: [1, FEATURE_COUNT], data: new Float64Array(FEATURE_COUNT) } },
      { features: { datatype: 'INT32', shape: [1, FEATURE_COUNT], data: new Int32Array(FEATURE_COUNT) } },
    ];
    for (const inputs of bad) await expect(runtime.infer(NAME, '1', inputs)).rejects.toEqual(coded('TENSOR_INVALID'));
  });

  it('reports a failed run without the values, and goes on', async () => {
    const runtime = await start();
    const build = new GraphBuilder('table');
    build.initializer('table', 'float32', [4], [1, 2, 3, 4]);
    build.op('Gather', ['table', build.input('index', 'int64', ['rows'])], {}, 'entry');
    build.output('entry', 'float32', ['rows']);
    await runtime.load({
      name: 'table',
      version: '1',
      ...(await writeModel(folder, 'table.onnx', encodeModel(build.model()))),
    });
    const look = (index: bigint) =>
      runtime.infer('table', '1', { index: { datatype: 'INT64', shape: [1], data: BigInt64Array.of(index) } });
    const failure = await look(7193n).catch((error: unknown) => error as Error);
    expect(failure).toEqual(coded('INFERENCE_FAILED'));
    expect((failure as Error).message).not.toContain('7193');
    expect((await look(2n)).outputs['entry']?.data).toEqual(Float32Array.of(3));
  });
});

describe('load', () => {
  it('refuses a file that is corrupted, missing or no model, without naming it, and goes on serving', async () => {
    const runtime = await start();
    await runtime.load(version(1));
    const corrupted = await writeLinearModel(folder, 90);
    await appendFile(corrupted.file, 'x');
    const noModel = {
      name: NAME,
      version: '91',
      ...(await writeModel(folder, 'no-model.onnx', Buffer.from('no model'))),
    };
    const build = new GraphBuilder('half');
    build.op('Identity', [build.input('x', 'float16', [1])], {}, 'y');
    build.output('y', 'float16', [1]);
    const half = { name: NAME, version: '92', ...(await writeModel(folder, 'half.onnx', encodeModel(build.model()))) };
    for (const [spec, code] of [
      [corrupted, 'MODEL_DIGEST_MISMATCH'],
      [noModel, 'MODEL_REFUSED'],
      [half, 'MODEL_SIGNATURE_UNSUPPORTED'],
      [{ ...version(2), file: join(folder, 'nowhere.onnx') }, 'MODEL_FILE_UNREADABLE'],
      [{ ...version(2), sha256: 'short' }, 'MODEL_SPEC_INVALID'],
      [{ ...version(2), version: 'ü' }, 'MODEL_SPEC_INVALID'],
      [{ ...version(2), version: '1' }, 'MODEL_VERSION_CONFLICT'],
      [{ ...version(2), golden: [golden(1)] }, 'GOLDEN_MISMATCH'],
    ] as const) {
      const failure = await runtime.load(spec).catch((error: unknown) => error as Error);
      expect(failure).toEqual(coded(code));
      expect((failure as Error).message).not.toContain(folder);
    }
    expect((await runtime.infer(NAME, undefined, features())).version).toBe('1');
  });

  it('accepts a version whose golden vectors hold, and the same version again', async () => {
    const runtime = await start({ threads: 2 });
    const slot = await runtime.load({ ...version(2), golden: [golden(2)] });
    expect(await runtime.load(version(2))).toBe(slot);
    await expect(runtime.load({ ...version(2), golden: [{ ...golden(2), tolerance: -1 }] })).resolves.toBe(slot);
  });

  it('swaps under concurrent load without losing a request or mixing versions', async () => {
    const runtime = await start({ threads: 2 });
    await runtime.load(version(0));
    const swapped = new AbortController();
    const client = async (): Promise<number> => {
      let answered = 0;
      while (!swapped.signal.aborted) {
        const { version: by, outputs } = await runtime.infer(NAME, undefined, features());
        expect(outputs['probability']?.data[0]).toBeCloseTo(linearAnswer(Number(by), row), 5);
        answered++;
      }
      return answered;
    };
    const clients = Promise.all(Array.from({ length: 6 }, client));
    for (let next = 1; next <= 6; next++) await runtime.load(version(next));
    swapped.abort();
    for (const answered of await clients) expect(answered).toBeGreaterThan(0);
    expect(runtime.slot(NAME)?.version).toBe('6');
  });

  it('releases the sessions of replaced and refused versions in every thread', async () => {
    const calls = vi.spyOn(SessionPool.prototype, 'callOn');
    const sessions = (kind: 'load' | 'release') =>
      calls.mock.calls
        .flatMap(([, request]) => (request.kind === kind ? [request.session] : []))
        .toSorted((a, b) => a - b);
    const runtime = await start({ threads: 2 });
    await runtime.load(version(1));
    await runtime.load(version(2));
    await expect(runtime.load({ ...version(3), golden: [golden(4)] })).rejects.toEqual(coded('GOLDEN_MISMATCH'));
    await runtime.unload(NAME);
    // The third is refused in the first thread and never reaches the second.
    expect(sessions('load')).toEqual([1, 1, 2, 2, 3]);
    expect(sessions('release')).toEqual(sessions('load'));
  });

  it('keeps the order in which versions were asked for', async () => {
    const runtime = await start();
    await Promise.all([runtime.load(version(1)), runtime.load(version(2)), runtime.load(version(3))]);
    expect(runtime.slot(NAME)?.version).toBe('3');
  });

  it('answers what was accepted before an unload, and then forgets the model', async () => {
    const runtime = await start();
    await runtime.load(version(1));
    const accepted = Promise.all(Array.from({ length: 8 }, () => runtime.infer(NAME, undefined, features())));
    await runtime.unload(NAME);
    expect(await accepted).toHaveLength(8);
    expect(runtime.slot(NAME)).toBeUndefined();
    await runtime.unload(NAME);
  });
});

describe('admission', () => {
  it('refuses when the thread and the queue are taken, and a cancelled request gives its place back', async () => {
    const runtime = await start({ threads: 1, queueLimit: 1 });
    await runtime.load(version(1));
    const leaving = new AbortController();
    // All in one turn of the event loop: nothing can finish in between.
    const running = runtime.infer(NAME, undefined, features());
    const waiting = runtime.infer(NAME, undefined, features(), { signal: leaving.signal });
    expect(runtime.full).toBe(true);
    const refused = runtime.infer(NAME, undefined, features());
    leaving.abort();
    expect(runtime.full).toBe(false);
    const accepted = runtime.infer(NAME, undefined, features());
    const outcomes = await Promise.allSettled([running, waiting, refused, accepted]);
    expect(
      outcomes.map((outcome) =>
        outcome.status === 'fulfilled' ? 'answered' : (outcome.reason as { code: string }).code,
      ),
    ).toEqual(['answered', 'CANCELLED', 'QUEUE_FULL', 'answered']);
  });

  it('refuses what is already cancelled or late', async () => {
    const runtime = await start();
    await runtime.load(version(1));
    await expect(runtime.infer(NAME, undefined, features(), { signal: AbortSignal.abort() })).rejects.toEqual(
      coded('CANCELLED'),
    );
    await expect(runtime.infer(NAME, undefined, features(), { deadlineMs: performance.now() })).rejects.toEqual(
      coded('DEADLINE_EXCEEDED'),
    );
    expect(runtime.full).toBe(false);
  });

  it('finishes accepted work when it closes, and refuses more', async () => {
    const runtime = await start();
    await runtime.load(version(1));
    const accepted = Promise.all(Array.from({ length: 5 }, () => runtime.infer(NAME, undefined, features())));
    const closed = runtime.close();
    await expect(runtime.infer(NAME, undefined, features())).rejects.toEqual(coded('RUNTIME_CLOSED'));
    await expect(runtime.load(version(2))).rejects.toEqual(coded('RUNTIME_CLOSED'));
    expect(await accepted).toHaveLength(5);
    await closed;
  });
});
