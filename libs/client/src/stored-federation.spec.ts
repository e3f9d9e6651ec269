import { describe, expect, it } from 'vitest';
import { KoinonClient } from './client.js';
import { federationSchema } from '@koinon/contracts';

/** As a version before the ranges let it start. */
const old = {
  name: 'heart-disease',
  task: 'binary',
  model: { file: 'model.onnx', output: 'logits', trainable: ['weight', 'bias'], loss: 'bce' },
  records: 'records.schema.json',
  sites: { min: 5, threshold: 2, roundTimeoutMs: 120_000, fraction: 1, maxRecords: 2e6 },
  strategy: { name: 'fedprox', params: { proximalMu: 5000 } },
  rounds: 5,
  local: { steps: 200, samplingRate: 1e-7, learningRate: 50, optimizer: 'sgd' },
  privacy: { unit: 'record', epsilon: null, delta: 1e-13, clippingNorm: 1e4, accountant: 'pld', recordCountNoise: 500 },
  encryption: { scheme: 'ckks-threshold', bits: 16, range: 5000 },
  promotion: { alias: 'Prod', gate: { minAuc: 0.85, noWorseThan: 'Last one' } },
};
const run = (spec: unknown) => ({
  id: '3f2a0000-0000-4000-8000-000000000000',
  federation: 'heart-disease',
  state: 'done',
  failure: null,
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:01:00.000Z',
  spec,
  seed: null,
  rounds: [],
  encryption: { scheme: 'ckks-threshold', title: 'threshold CKKS', bytesPerParameter: 16, valuesPerBlock: 16_384 },
  privacy: { unit: 'record', epsilonBudget: null, epsilonSpent: null, delta: 1e-13, noiseMultiplier: 0 },
});
const clientOf = (runs: unknown[]) =>
  new KoinonClient('http://127.0.0.1:1', 'token', () => Promise.resolve(Response.json(runs)));

describe('a stored run', () => {
  it('is read whatever ranges and names its version took, and could not be started again', async () => {
    expect(federationSchema.safeParse(old).success).toBe(false);
    expect((await clientOf([run(old)]).runs())[0]!.spec).toEqual(old);
  });

  it('loses no field that a run of today has', async () => {
    const { sites, local, privacy, strategy, encryption, ...rest } = old;
    const today = federationSchema.parse({
      ...rest,
      sites: { ...sites, threshold: 'majority', maxRecords: 100 },
      local: { ...local, steps: 5, samplingRate: 0.3, learningRate: 0.2 },
      privacy: { ...privacy, epsilon: 1, delta: 1e-3, clippingNorm: 1, recordCountNoise: 3 },
      strategy: { name: strategy.name, params: { nesterov: true } },
      encryption: { ...encryption, range: 1 },
      promotion: { alias: 'champion', gate: { minAuc: 0.5, noWorseThan: 'champion' } },
    });
    expect((await clientOf([run(today)]).runs())[0]!.spec).toEqual(today);
  });

  it('is still checked for its form', async () => {
    await expect(clientOf([run({ ...old, rounds: 'five' })]).runs()).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });
});
