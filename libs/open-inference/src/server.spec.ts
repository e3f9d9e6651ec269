import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type Inference,
  type InferenceRuntime,
  type InferOptions,
  RuntimeError,
  type Slot,
  type Tensor,
} from '@koinon/inference';
import { ModelDirectory } from './model-directory.js';
import { buildServer } from './server.js';
import { ServingStats } from './serving-stats.js';

const slot: Slot = {
  name: 'heart-disease',
  version: 'v7',
  sha256: 'ab'.repeat(32),
  inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 3] }],
  outputs: [{ name: 'probability', datatype: 'FP32', shape: [-1, 1] }],
};
const url = '/v2/models/heart-disease/infer';
const input = { name: 'features', shape: [1, 3], datatype: 'FP32', data: [1, 2, 3] };

/** A runtime whose answers a spec decides. */
class FakeRuntime implements InferenceRuntime {
  loaded: Slot | undefined = slot;
  full = false;
  healthy = true;
  readonly calls: { inputs: Readonly<Record<string, Tensor>>; options: InferOptions }[] = [];
  answer: (options: InferOptions) => Promise<number> = async () => 0.25;

  slot(): Slot | undefined {
    return this.loaded;
  }

  async infer(
    _model: string,
    _version: string | undefined,
    inputs: Readonly<Record<string, Tensor>>,
    options: InferOptions = {},
  ): Promise<Inference> {
    this.calls.push({ inputs, options });
    const value = await this.answer(options);
    const probability: Tensor = { datatype: 'FP32', shape: [1, 1], data: new Float32Array([value]) };
    return { version: slot.version, outputs: { probability }, queueMs: 1, computeMs: 2 };
  }
}

function start() {
  const runtime = new FakeRuntime();
  const stats = new ServingStats();
  const clock = { now: 0 };
  const models = new ModelDirectory(runtime, ['heart-disease'], () => clock.now);
  const onFailure = vi.fn<(error: unknown) => void>();
  const app = buildServer({ runtime, models, stats, onFailure, maxBodyBytes: 2000 });
  onTestFinished(() => app.close());
  const infer = (body: unknown, headers: Record<string, string> = {}, path = url) =>
    app.inject({
      method: 'POST',
      url: path,
      headers: { 'content-type': 'application/json', ...headers },
      payload: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return { app, runtime, models, stats, infer, clock, onFailure };
}

describe('readiness', () => {
  it('comes with the first model and metadata comes from its session', async () => {
    const { app, runtime } = start();
    runtime.loaded = undefined;
    for (const path of ['/v2/health/ready', '/v2/models/heart-disease/ready', '/v2/models/heart-disease']) {
      const response = await app.inject(path);
      expect([response.statusCode, response.json().code, response.headers['retry-after']]).toEqual([
        503,
        'MODEL_NOT_READY',
        '1',
      ]);
    }
    runtime.loaded = slot;
    expect((await app.inject('/v2/health/ready')).statusCode).toBe(200);
    expect((await app.inject('/v2/models/heart-disease/versions/v7')).json()).toEqual({
      name: 'heart-disease',
      versions: ['v7'],
      platform: 'onnx_onnxv1',
      inputs: slot.inputs,
      outputs: slot.outputs,
      parameters: { sha256: slot.sha256 },
    });
  });

  it('of a model past its expiry is kept for a while, and answers, metadata and metrics say that it is expired', async () => {
    const { app, models, infer, clock } = start();
    models.limit('heart-disease', { expiresAt: 1000, servedUntil: 2000 });
    const told = async () => {
      const [metadata, metrics] = [await app.inject('/v2/models/heart-disease'), await app.inject('/metrics')];
      const answer = await infer({ inputs: [input] });
      return [
        metadata.json().parameters?.expired,
        answer.json().parameters,
        /koinon_model_expired\{.*\} (\d)/.exec(metrics.body)?.[1],
      ];
    };
    clock.now = 999;
    expect(await told()).toEqual([undefined, undefined, '0']);
    clock.now = 1000;
    expect(await told()).toEqual([true, { expired: true }, '1']);
    clock.now = 2000;
    const over = [
      await infer({ inputs: [input] }),
      await app.inject('/v2/models/heart-disease'),
      await app.inject('/v2/models/heart-disease/ready'),
    ];
    expect(over.map((r) => [r.statusCode, r.json().code])).toEqual(
      Array.from({ length: 3 }, () => [503, 'MODEL_EXPIRED']),
    );
    expect((await app.inject('/v2/health/ready')).statusCode).toBe(503);
    models.limit('heart-disease', { expiresAt: 3000, servedUntil: 4000 });
    expect(await told()).toEqual([undefined, undefined, '0']);
  });

  it('a lost thread shows as not live', async () => {
    const { app, runtime } = start();
    runtime.healthy = false;
    expect((await app.inject('/v2/health/live')).statusCode).toBe(503);
  });
});

describe('infer', () => {
  it('answers with the version in body and header', async () => {
    const { infer, runtime } = start();
    const response = await infer({ id: 'a', inputs: [input] });
    expect(response.json()).toEqual({
      model_name: 'heart-disease',
      model_version: 'v7',
      id: 'a',
      outputs: [{ name: 'probability', datatype: 'FP32', shape: [1, 1], data: [0.25] }],
    });
    expect(response.headers['koinon-model-version']).toBe('v7');
    expect(runtime.calls[0]?.inputs).toEqual({
      features: { datatype: 'FP32', shape: [1, 3], data: new Float32Array([1, 2, 3]) },
    });
  });

  it.each([
    ['no JSON', '', 'BODY_INVALID'],
    ['broken JSON', '{"inputs": 7193', 'BODY_INVALID'],
    ['a list', [7193], 'REQUEST_INVALID'],
    ['a numeric id', { id: 7193, inputs: [input] }, 'REQUEST_INVALID'],
    ['an unknown input', { inputs: [{ ...input, name: 'x7193' }] }, 'TENSOR_INVALID'],
    ['no input', { inputs: [] }, 'TENSOR_INVALID'],
    ['an input twice', { inputs: [input, input] }, 'TENSOR_INVALID'],
    ['another datatype', { inputs: [{ ...input, datatype: 'FP7193' }] }, 'TENSOR_INVALID'],
    ['another width', { inputs: [{ ...input, shape: [1, 7193] }] }, 'TENSOR_INVALID'],
    ['no rows', { inputs: [{ ...input, shape: [0, 3], data: [] }] }, 'TENSOR_INVALID'],
    ['a shape to exhaust memory', { inputs: [{ ...input, shape: [1e15, 3] }] }, 'TENSOR_INVALID'],
    ['text among the values', { inputs: [{ ...input, data: [1, 2, 'x7193'] }] }, 'TENSOR_INVALID'],
    ['data and binary size', { inputs: [{ ...input, parameters: { binary_data_size: 12 } }] }, 'TENSOR_INVALID'],
    ['an unknown output', { inputs: [input], outputs: [{ name: 'x7193' }] }, 'OUTPUT_UNKNOWN'],
    ['a flag that is a word', { inputs: [input], parameters: { binary_data_output: 'x7193' } }, 'REQUEST_INVALID'],
  ])('refuses %s without repeating it', async (_what, body, code) => {
    const { infer, runtime } = start();
    const response = await infer(body);
    expect([response.statusCode, response.json().code]).toEqual([400, code]);
    expect(response.json().error).toMatch(/\.$/);
    expect(response.body).not.toContain('7193');
    expect(runtime.calls).toEqual([]);
  });

  it.each([
    ['NaN', new Float32Array([1, Number.NaN, 3])],
    ['infinity', new Float32Array([1, Infinity, 3])],
  ])('refuses %s in a binary tensor', async (_what, values) => {
    const { app } = start();
    const head = JSON.stringify({
      inputs: [{ name: 'features', shape: [1, 3], datatype: 'FP32', parameters: { binary_data_size: 12 } }],
    });
    const headers = {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.length),
    };
    const response = await app.inject({
      method: 'POST',
      url,
      headers,
      payload: Buffer.concat([Buffer.from(head), Buffer.from(values.buffer)]),
    });
    expect([response.statusCode, response.json().code]).toEqual([400, 'TENSOR_INVALID']);
  });

  it('refuses bytes that no input announces', async () => {
    const { app } = start();
    const head = JSON.stringify({ inputs: [input] });
    const headers = {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.length),
    };
    const response = await app.inject({ method: 'POST', url, headers, payload: `${head}tail` });
    expect([response.statusCode, response.json().code]).toEqual([400, 'BODY_INVALID']);
  });

  it.each([
    ['another method', 'GET', url, {}, 405, 'METHOD_NOT_ALLOWED'],
    ['another address', 'GET', '/v3', {}, 404, 'ROUTE_NOT_FOUND'],
    ['an address that cannot be decoded', 'GET', '/v2/models/%zz', {}, 400, 'REQUEST_INVALID'],
    ['an unknown model', 'POST', '/v2/models/liver/infer', {}, 404, 'MODEL_NOT_FOUND'],
    ['an unknown version', 'POST', '/v2/models/heart-disease/versions/v6/infer', {}, 404, 'VERSION_NOT_FOUND'],
    ['another media type', 'POST', url, { 'content-type': 'text/csv' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a compressed body', 'POST', url, { 'content-encoding': 'gzip' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a timeout of nothing', 'POST', url, { 'koinon-timeout-ms': '0' }, 400, 'TIMEOUT_INVALID'],
    ['a timeout in words', 'POST', url, { 'koinon-timeout-ms': 'soon' }, 400, 'TIMEOUT_INVALID'],
  ] as const)('refuses %s', async (_what, method, path, headers, status, code) => {
    const { app } = start();
    const response = await app.inject({ method, url: path, headers, ...(method === 'POST' ? { payload: '{}' } : {}) });
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
    if (status === 405) expect(response.headers['allow']).toBe('POST');
  });

  it('refuses a body over the limit', async () => {
    const { infer } = start();
    const response = await infer({ id: 'x'.repeat(2000), inputs: [input] });
    expect([response.statusCode, response.json().code]).toEqual([413, 'BODY_TOO_LARGE']);
  });

  it('refuses before it reads the body when the queue is full', async () => {
    const { infer, runtime } = start();
    runtime.full = true;
    const response = await infer('this is no JSON and never looked at');
    expect([response.statusCode, response.json().code, response.headers['retry-after']]).toEqual([
      503,
      'QUEUE_FULL',
      '1',
    ]);
  });

  it('hands the deadline on and answers 504 when it passes', async () => {
    const { infer, runtime } = start();
    const before = performance.now();
    runtime.answer = async () => {
      throw new RuntimeError('DEADLINE_EXCEEDED', 'The deadline passed.');
    };
    const response = await infer({ inputs: [input] }, { 'koinon-timeout-ms': '50' });
    expect([response.statusCode, response.json().code]).toEqual([504, 'DEADLINE_EXCEEDED']);
    const deadlineMs = runtime.calls[0]?.options.deadlineMs ?? 0;
    expect(deadlineMs).toBeGreaterThanOrEqual(before + 50 - 1);
    expect(deadlineMs).toBeLessThanOrEqual(performance.now() + 50);
  });

  it('answers 500, not null, when the model gives NaN', async () => {
    const { infer, runtime } = start();
    runtime.answer = async () => Number.NaN;
    for (const parameters of [{}, { binary_data_output: true }]) {
      const response = await infer({ inputs: [input], parameters });
      expect([response.statusCode, response.json().code]).toEqual([500, 'OUTPUT_INVALID']);
    }
  });

  it('tells nothing of an unforeseen error, and hands it to whoever runs the server', async () => {
    const { infer, runtime, onFailure } = start();
    const failure = new Error('the file /home/node/secret is missing');
    runtime.answer = async () => {
      throw failure;
    };
    const response = await infer({ inputs: [input] });
    expect([response.statusCode, response.json().code]).toEqual([500, 'INTERNAL']);
    expect(response.body).not.toContain('secret');
    expect(onFailure).toHaveBeenCalledExactlyOnceWith(failure);
  });

  it('cancels in the runtime when the client leaves', async () => {
    const { app, runtime } = start();
    const called = Promise.withResolvers<void>();
    const cancelled = Promise.withResolvers<void>();
    runtime.answer = ({ signal }) => {
      called.resolve();
      return new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => {
          cancelled.resolve();
          reject(new RuntimeError('CANCELLED', 'The caller gave the request up.'));
        });
      });
    };
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const outgoing = request({
      port,
      host: '127.0.0.1',
      path: url,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    outgoing.on('error', () => undefined);
    outgoing.end(JSON.stringify({ inputs: [input] }));
    await called.promise;
    outgoing.destroy();
    await cancelled.promise;
    await expect.poll(async () => (await app.inject('/metrics')).body).toContain('reason="CANCELED"');
  });
});

describe('metrics', () => {
  it('counts under the names of Triton, in microseconds, and feeds the stats', async () => {
    const { app, runtime, infer, stats } = start();
    runtime.answer = async () => {
      const readyMs = performance.now() + 3;
      while (performance.now() < readyMs) await setImmediate();
      return 0.25;
    };
    await infer({ inputs: [input] });
    await infer({ inputs: [input] });
    await infer({ inputs: [] });
    await infer({ inputs: [input] }, {}, '/v2/models/liver/infer');
    const text = (await app.inject('/metrics')).body;
    expect(text).toContain('nv_inference_request_success{model="heart-disease",version="v7"} 2\n');
    expect(text).toContain('nv_inference_request_failure{model="heart-disease",version="v7",reason="OTHER"} 1\n');
    expect(text).toContain('nv_inference_queue_duration_us{model="heart-disease",version="v7"} 2000\n');
    expect(text).toContain('nv_inference_compute_infer_duration_us{model="heart-disease",version="v7"} 4000\n');
    const [, durationUs] =
      /nv_inference_request_duration_us\{model="heart-disease",version="v7"\} (\S+)/.exec(text) ?? [];
    expect(Number(durationUs)).toBeGreaterThanOrEqual(6000);
    // Each took 3 ms or more: none below the third edge, and all below the last.
    const latency = (series: string): number =>
      Number(new RegExp(`^koinon_inference_request_duration_seconds_${series} (\\S+)$`, 'm').exec(text)?.[1]);
    const labels = 'model="heart-disease",version="v7"';
    expect(
      ['0.001', '0.0025', '+Inf'].map((edge) => latency(`bucket{le="${edge.replace('+', '\\+')}",${labels}}`)),
    ).toEqual([0, 0, 2]);
    expect(latency(`count{${labels}}`)).toBe(2);
    expect(latency(`sum{${labels}}`)).toBeCloseTo(Number(durationUs) / 1e6, 9);
    expect(text).not.toContain('liver');
    const { requests, p50Ms, p99Ms } = stats.snapshot();
    expect(requests).toBe(2);
    expect(p50Ms).toBeGreaterThanOrEqual(3);
    expect(p99Ms).toBeGreaterThanOrEqual(p50Ms ?? Infinity);
  });
});
