import { federationSchema, type Federation } from '@koinon/contracts';
import type { MadeControl, Site, Trained, Training } from './site.js';
import type { RoundFrame } from './round-frame.js';

export const federation = (bits: 8 | 16 = 16): Federation =>
  federationSchema.parse({
    name: 'heart',
    task: 'binary',
    model: { file: 'model.onnx', output: 'logits', trainable: ['weight'], loss: 'bce' },
    records: 'records.schema.json',
    sites: { min: 2, roundTimeoutMs: 60_000, maxRecords: 100 },
    strategy: { name: 'scaffold' },
    rounds: 5,
    local: { steps: 2, samplingRate: 0.3, learningRate: 0.1, optimizer: 'sgd' },
    privacy: { unit: 'record', epsilon: 1.2, delta: 1e-3, clippingNorm: 1, recordCountNoise: 10 },
    encryption: { scheme: 'one-time-key', bits },
    promotion: { gate: {} },
  });

export const frame = (changes: Partial<RoundFrame> = {}): RoundFrame => ({
  runId: '00000000-0000-4000-8000-0000000000ff',
  round: 1,
  federation: federation(),
  recordsSchemaSha256: 'fe'.repeat(32),
  modelSha256: '0d'.repeat(32),
  noiseMultiplier: 4,
  counted: {},
  ...changes,
});

/** A site whose training gives what a test says, and which shows what it was asked for. */
export class TestSite implements Site {
  readonly made = new Map<number, MadeControl>();
  readonly corrections: (Float32Array | null)[] = [];
  readonly vectors = new Map<string, Float32Array>();

  constructor(
    private readonly trained: (asked: Training, correction: Float32Array | null) => Trained,
    private readonly scored: { probabilities: Float32Array; labels: Float32Array } = {
      probabilities: Float32Array.of(0.9, 0.2),
      labels: Float32Array.of(1, 0),
    },
  ) {}

  /** Halves: stochastic rounding then rounds to the nearest. */
  readonly randomBytes = (count: number): Uint8Array =>
    Uint8Array.from({ length: count }, (_, i) => (i % 4 === 3 ? 128 : 0));

  readonly controls: Site['controls'] = {
    after: (_, counted) => (counted === null ? null : this.made.get(counted)!.control),
    keep: (_, __, made) => void this.made.set(made.round, made),
  };

  train(asked: Training, _: unknown, correction: Float32Array | null): Promise<Trained> {
    this.corrections.push(correction);
    return Promise.resolve(this.trained(asked, correction));
  }

  score = () => Promise.resolve(this.scored);
  vector = (sha256: string) => Promise.resolve(this.vectors.get(sha256)!);
}
