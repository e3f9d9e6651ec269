import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { RuntimeError } from '@koinon/inference';
import { input, start, INFER_PATH } from './testing/fake-server.js';

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
      url: INFER_PATH,
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
    const response = await app.inject({ method: 'POST', url: INFER_PATH, headers, payload: `${head}tail` });
    expect([response.statusCode, response.json().code]).toEqual([400, 'BODY_INVALID']);
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
      path: INFER_PATH,
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
