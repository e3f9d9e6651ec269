import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runs } from '@koinon/testing';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FEATURE_COUNT, writeLinearModel } from '@koinon/inference/testing';
import { ModelRuntime } from '@koinon/inference';
import { ModelDirectory } from './model-directory.js';
import { buildServer } from './server.js';

let folder: string;
let runtime: ModelRuntime;
let app: FastifyInstance;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koinon-fuzz-'));
  runtime = await ModelRuntime.start({ threads: 1 });
  await runtime.load(await writeLinearModel(folder, 1));
  app = buildServer({ runtime, models: new ModelDirectory(runtime, ['heart-disease']) });
});

afterAll(async () => {
  await app.close();
  await runtime.close();
  await rm(folder, { recursive: true });
});

const SEED = 20261;
const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>('features', 'probability', 'FP32', 'INT64', true, FEATURE_COUNT * 4),
  fc.constantFrom<unknown>([1, FEATURE_COUNT], [-1, FEATURE_COUNT], [1e9, FEATURE_COUNT]),
);
const sometimes = (usual: unknown) => fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, anything);
const tensor = fc.record(
  {
    name: sometimes('features'),
    shape: sometimes([1, FEATURE_COUNT]),
    datatype: sometimes('FP32'),
    data: sometimes(Array.from({ length: FEATURE_COUNT }, () => 0.5)),
    parameters: sometimes({ binary_data_size: FEATURE_COUNT * 4 }),
  },
  { requiredKeys: [] },
);
const output = fc.record({ name: sometimes('probability'), parameters: sometimes({ binary_data: true }) });
const envelope = fc.record(
  {
    id: sometimes('a'),
    inputs: fc.oneof(fc.array(tensor, { maxLength: 2 }), anything),
    outputs: fc.oneof(fc.array(output, { maxLength: 2 }), anything),
    parameters: sometimes({ binary_data_output: true }),
  },
  { requiredKeys: [] },
);

async function expectCivilAnswer(payload: Buffer, headers: Record<string, string>): Promise<number> {
  const response = await app.inject({ method: 'POST', url: '/v2/models/heart-disease/infer', headers, payload });
  if (response.statusCode !== 200) {
    expect([400, 404, 413, 415]).toContain(response.statusCode);
    expect(response.json()).toEqual({ error: expect.stringMatching(/./), code: expect.stringMatching(/^[A-Z_]+$/) });
  }
  return response.statusCode;
}

describe('whatever the body, the answer is a prediction or a coded refusal', () => {
  it('for structured requests, in JSON and with a binary tail', async () => {
    const seen = new Set<number>();
    await fc.assert(
      fc.asyncProperty(
        envelope,
        fc.uint8Array({ maxLength: FEATURE_COUNT * 4 + 4 }),
        fc.boolean(),
        async (request, tail, binary) => {
          const head = Buffer.from(JSON.stringify(request));
          const headers = binary ? { 'inference-header-content-length': String(head.length) } : {};
          seen.add(
            await expectCivilAnswer(binary ? Buffer.concat([head, tail]) : head, {
              'content-type': 'application/json',
              ...headers,
            }),
          );
        },
      ),
      { seed: SEED, numRuns: runs(600) },
    );
    expect(seen).toEqual(new Set([200, 400]));
  });

  it('for bytes and header lengths without meaning', async () => {
    const lengths = fc.option(fc.oneof(fc.nat(300).map(String), fc.constantFrom('-1', '1e2', ' 5', '0x10')));
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), lengths, async (bytes, length) => {
        const headers = length === null ? {} : { 'inference-header-content-length': length };
        await expectCivilAnswer(Buffer.from(bytes), { 'content-type': 'application/octet-stream', ...headers });
      }),
      { seed: SEED, numRuns: runs(300) },
    );
  });

  it('for a good request with single bytes changed', async () => {
    const data = Array.from({ length: FEATURE_COUNT }, () => 1);
    const good = Buffer.from(
      JSON.stringify({ inputs: [{ name: 'features', shape: [1, FEATURE_COUNT], datatype: 'FP32', data }] }),
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), async (place, byte) => {
        const bytes = Buffer.from(good);
        bytes[place] = byte;
        await expectCivilAnswer(bytes, { 'content-type': 'application/json' });
      }),
      { seed: SEED, numRuns: runs(400) },
    );
    expect(await expectCivilAnswer(good, { 'content-type': 'application/json' })).toBe(200);
  });
});
