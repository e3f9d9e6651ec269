import { federationSchema, type Federation } from '@koinon/contracts';
import { epsilonOf } from '@koinon/privacy';
import { describe, expect, it } from 'vitest';
import { noiseFor } from './noise.js';

const spec = (epsilon: number | null, recordCountNoise = 10): Federation =>
  federationSchema.parse({
    name: 'demo',
    task: 'binary',
    model: { file: 'm', output: 'l', trainable: ['w'], loss: 'bce' },
    records: 'f',
    sites: { min: 2, threshold: 2, roundTimeoutMs: 1000 },
    strategy: { name: 'fedavg' },
    rounds: 3,
    local: { steps: 4, samplingRate: 0.3, learningRate: 0.1, optimizer: 'sgd' },
    privacy: { unit: 'record', epsilon, delta: 1e-3, clippingNorm: 1, accountant: 'rdp', recordCountNoise },
    encryption: { scheme: 'ckks-threshold', bits: 16 },
    promotion: { gate: {} },
  });

describe('the noise of a run', () => {
  it('is none without an ε', () => {
    expect(noiseFor(spec(null))).toBe(0);
  });

  it('spends the budget in the last round and no more, the record count included', () => {
    const s = spec(1.2);
    const noiseMultiplier = noiseFor(s);
    const all = [
      { kind: 'sampled-gaussian', noiseMultiplier, samplingRate: 0.3, steps: 12 },
      { kind: 'gaussian', noiseMultiplier: 10, releases: 1 },
    ] as const;
    expect(epsilonOf([...all], 1e-3, 'rdp')).toBeLessThanOrEqual(1.2);
    expect(epsilonOf([...all], 1e-3, 'rdp')).toBeGreaterThan(1.15);
    expect(noiseMultiplier).toBeGreaterThan(noiseFor(spec(1.2, 100)));
  });

  it('is more where the record count is told more exactly', () => {
    const recipe = spec(1.2);
    // From a separately written accountant over integer orders only, so slightly above; 25 steps at sampling rate 0.3.
    for (const [recordCountNoise, sigma] of [
      [5, 4.509],
      [10, 4.079],
      [20, 3.992],
    ] as const) {
      const noise = noiseFor({
        ...recipe,
        rounds: 5,
        local: { ...recipe.local, steps: 5 },
        privacy: { ...recipe.privacy, recordCountNoise },
      });
      expect(noise).toBeLessThanOrEqual(sigma);
      expect(noise).toBeGreaterThan(0.995 * sigma);
    }
  });

  it('is refused beside an exact record count, which nothing bounds', () => {
    expect(() => noiseFor(spec(1.2, 0))).toThrow(
      expect.objectContaining({
        code: 'REQUEST_INVALID',
        detail: expect.stringContaining('recordCountNoise') as string,
      }),
    );
  });
});
