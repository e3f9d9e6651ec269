import { createHash } from 'node:crypto';
import { federationSchema, type Federation, type Threshold } from '@koinon/contracts';
import { GraphBuilder, decodeModel, encodeModel } from '@koinon/onnx';

export const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** probability = sigmoid(x · weight + bias); `features` + 1 trainable values, all below 1. */
export function tinyModel(features = 3): Uint8Array {
  const graph = new GraphBuilder('tiny');
  graph.input('x', 'float32', ['batch', features]);
  graph.initializer(
    'weight',
    'float32',
    [features, 1],
    Array.from({ length: features }, (_, i) => ((i * 7) % 11) / 16 - 0.25),
  );
  graph.initializer('bias', 'float32', [1], [0.125]);
  graph.op('Gemm', ['x', 'weight', 'bias'], {}, 'logits');
  graph.op('Sigmoid', ['logits'], {}, 'probability');
  graph.output('probability', 'float32', ['batch', 1]);
  return encodeModel(graph.model());
}

/** As much of a records schema as the coordinator reads, for a tiny model of any width; of the usual one where the bytes are no model. */
export function schemaOf(model: Uint8Array): Uint8Array {
  const width = widthOf(model);
  return new TextEncoder().encode(
    JSON.stringify({
      input: { name: 'x' },
      features: Array.from({ length: width }, (_, i) => ({ name: `feature-${i}` })),
    }),
  );
}

const widthOf = (model: Uint8Array): number => {
  try {
    return Number(decodeModel(model).graph.inputs[0]?.dims?.[1]);
  } catch {
    return 3;
  }
};

export const recordsSchema = schemaOf(tinyModel());

/** A federation of that model without noise, so that its result can be computed again. */
export function tinySpec(
  part: {
    readonly name?: string;
    readonly min?: number;
    readonly threshold?: Threshold;
    readonly rounds?: number;
    readonly roundTimeoutMs?: number;
    readonly minAuc?: number;
  } = {},
): Federation {
  return federationSchema.parse({
    name: part.name ?? 'tiny',
    task: 'binary',
    model: { file: 'model.onnx', output: 'logits', trainable: ['weight', 'bias'], loss: 'bce' },
    records: 'records.schema.json',
    sites: {
      min: part.min ?? 3,
      threshold: part.threshold ?? 'majority',
      roundTimeoutMs: part.roundTimeoutMs ?? 60_000,
      fraction: 1,
      maxRecords: 64,
    },
    strategy: { name: 'fedavg', params: { serverLearningRate: 1 } },
    rounds: part.rounds ?? 1,
    local: { steps: 1, samplingRate: 0.5, learningRate: 0.1, optimizer: 'sgd' },
    privacy: { unit: 'record', epsilon: null, delta: 1e-3, clippingNorm: 1, recordCountNoise: 0 },
    encryption: { scheme: 'ckks-threshold', bits: 16, range: 1 },
    promotion: { alias: 'champion', gate: { minAuc: part.minAuc ?? 0.5 } },
  });
}
