import type { Federation } from '@koinon/contracts';

/** Two sites, one round, one-time keys: the smallest federation that a coordinator accepts. */
export const federation: Federation = {
  name: 'heart-disease',
  task: 'binary',
  model: { file: 'model.onnx', output: 'logits', trainable: ['weight', 'bias'], loss: 'bce' },
  records: 'records.schema.json',
  sites: { min: 2, threshold: 2, roundTimeoutMs: 60_000, fraction: 1, maxRecords: 256 },
  strategy: { name: 'fedavg', params: {} },
  rounds: 1,
  local: { steps: 2, samplingRate: 0.3, learningRate: 0.2, optimizer: 'sgd' },
  privacy: { unit: 'record', epsilon: 1.2, delta: 1e-3, clippingNorm: 1, accountant: 'rdp', recordCountNoise: 20 },
  encryption: { scheme: 'one-time-key', bits: 16, range: 1 },
  promotion: { alias: 'champion', gate: {} },
};
