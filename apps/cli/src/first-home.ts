/** What a home of version 1 says only by the names of its folders. */
import { createHash } from 'node:crypto';
import { canonicalBytes } from '@koinon/signing';
import type { FederationIdentity } from './federation-identity.js';

/** The name under which version 1 kept this federation: a digest of its recipe in the words of then, and no field that came later. */
export function firstFolderName({ spec, seed, insecureDeterministic, data }: FederationIdentity): string {
  const { name, model, sites, strategy, rounds, local, privacy, encryption, promotion } = spec;
  const first = {
    name,
    model: { file: 'model.onnx', logits: model.output, trainable: model.trainable, loss: model.loss },
    features: 'features.schema.json',
    sites: {
      min: sites.min,
      threshold: sites.threshold,
      roundTimeoutMs: sites.roundTimeoutMs,
      fraction: sites.fraction,
      maxRows: sites.maxRecords,
    },
    strategy: { name: strategy.name, params: strategy.params },
    rounds,
    local: {
      steps: local.steps,
      samplingRate: local.samplingRate,
      learningRate: local.learningRate,
      optimizer: local.optimizer,
    },
    privacy: {
      unit: privacy.unit,
      epsilon: privacy.epsilon,
      delta: privacy.delta,
      clippingNorm: privacy.clippingNorm,
      accountant: privacy.accountant,
      rowCountNoise: privacy.recordCountNoise,
    },
    encryption: { scheme: encryption.scheme, bits: encryption.bits, range: encryption.range },
    promotion: { alias: promotion.alias, gate: promotion.gate },
  };
  const key = createHash('sha256')
    .update(canonicalBytes({ spec: first, seed, insecureDeterministic, data }))
    .digest('hex');
  return `${name}-${key.slice(0, 12)}`;
}
