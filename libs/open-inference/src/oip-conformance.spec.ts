import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conformanceCases, runCase, type CaseConfig } from '../conformance/oip/case-runner.js';
import { FEATURE_COUNT, linearAnswer, writeLinearModel } from '@koinon/inference/testing';
import { ModelRuntime } from '@koinon/inference';
import { ModelDirectory } from './model-directory.js';
import { buildServer } from './server.js';

/** What the node offers; cases that need anything else are left out by name. */
const offered = new Set(['versions', 'binary_tensor_data', 'maxBodyBytes']);
const driven = new Set(['runner:abort', 'runner:hotswap']);
const MAX_BODY_BYTES = 1 << 18;

let folder: string;
let runtime: ModelRuntime;
let app: FastifyInstance;
let config: CaseConfig;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koinon-oip-'));
  runtime = await ModelRuntime.start({ threads: 2 });
  await runtime.load(await writeLinearModel(folder, 1));
  app = buildServer({ runtime, models: new ModelDirectory(runtime, ['heart-disease']), maxBodyBytes: MAX_BODY_BYTES });
  const baseUrl = await app.listen({ host: '127.0.0.1', port: 0 });
  config = {
    baseUrl,
    model: 'heart-disease',
    version: '1',
    input: 'features',
    output: 'probability',
    N: FEATURE_COUNT,
    maxBodyBytes: MAX_BODY_BYTES,
  };
});

afterAll(async () => {
  await app.close();
  await runtime.close();
  await rm(folder, { recursive: true });
});

const inferUrl = (): string => `${config.baseUrl}/v2/models/heart-disease/infer`;
const row = Array.from({ length: FEATURE_COUNT }, (_, index) => (index % 7) / 7);
const requestBody = (rows: number): string =>
  JSON.stringify({
    inputs: [
      {
        name: 'features',
        shape: [rows, FEATURE_COUNT],
        datatype: 'FP32',
        data: Array.from({ length: rows }, () => row).flat(),
      },
    ],
  });

describe('Open Inference Protocol v2', () => {
  const cases = conformanceCases.filter(({ needs }) => needs === undefined || offered.has(needs));

  it('leaves out only what the node does not advertise', () => {
    const left = conformanceCases.filter((test) => !cases.includes(test) && !driven.has(test.needs ?? ''));
    expect(new Set(left.map(({ needs }) => needs))).toEqual(new Set(['model_repository']));
    expect(left).toHaveLength(4);
  });

  it.each(cases.map((test) => [`${test.level} ${test.id}`, test] as const))('%s', async (_name, test) => {
    expect(await runCase(config, test)).toEqual([]);
  });

  it('MUST client-abort', async () => {
    const body = requestBody(64);
    const outgoing = request(inferUrl(), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': body.length },
    });
    // Not events.once, which takes the reset that this case provokes for its own failure.
    const gone = new Promise((resolve) => {
      outgoing.on('close', resolve);
    });
    outgoing.on('error', () => undefined);
    outgoing.write(body.slice(0, body.length / 2));
    outgoing.destroy();
    await gone;
    const after = await fetch(inferUrl(), { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    expect(after.status).toBe(200);
    expect((await fetch(`${config.baseUrl}/v2/health/live`)).status).toBe(200);
  });

  it('MUST hot-swap: no request fails, and every answer is of the version that it names', async () => {
    const swapped = new AbortController();
    const ask = async (): Promise<string> => {
      const response = await fetch(inferUrl(), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: requestBody(1),
      });
      expect(response.status).toBe(200);
      const json = (await response.json()) as { model_version: string; outputs: [{ data: [number] }] };
      expect(response.headers.get('koinon-model-version')).toBe(json.model_version);
      expect(json.outputs[0].data[0]).toBeCloseTo(linearAnswer(Number(json.model_version), row), 5);
      return json.model_version;
    };
    const client = async (): Promise<void> => {
      while (!swapped.signal.aborted) await ask();
    };
    expect(await ask()).toBe('1');
    const clients = Promise.all(Array.from({ length: 4 }, client));
    for (let version = 2; version <= 5; version++) {
      await runtime.load(await writeLinearModel(folder, version));
      expect(await ask()).toBe(String(version));
    }
    swapped.abort();
    await clients;
  });
});
