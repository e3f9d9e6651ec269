/** What a home of version 1 says otherwise than one of today. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readIfThere, removeUnfinished, writeDurably } from '@koinon/service';
import { canonicalBytes } from '@koinon/signing';
import { z } from 'zod';
import type { FederationIdentity } from './federation-identity.js';
import { foldersIn } from './folders.js';

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

const firstNodesSchema = z.record(z.string(), z.strictObject({ url: z.string(), fingerprint: z.string() }));

/** The nodes of each federation, with what their key fingerprints are called now. Where hospitals keep ledgers and keys nothing changes. */
export function carryOverFirstHome(home: string): void {
  for (const name of foldersIn(home)) {
    const folder = join(home, name);
    removeUnfinished(folder);
    const file = join(folder, 'nodes.json');
    const nodes = firstNodesSchema.safeParse(jsonOf(readIfThere(file))).data;
    if (!nodes) continue;
    const present = Object.entries(nodes).map(([site, { url, fingerprint }]) => [
      site,
      { url, keyFingerprint: fingerprint },
    ]);
    writeDurably(file, JSON.stringify(Object.fromEntries(present)));
  }
}

/** A file that is no JSON is not of version 1 either: whoever reads it says so. */
function jsonOf(bytes: Buffer | null): unknown {
  try {
    return JSON.parse(bytes?.toString('utf8') ?? '');
  } catch {
    return undefined;
  }
}
