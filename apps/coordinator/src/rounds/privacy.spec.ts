import { federationSchema, type Federation } from '@koinon/contracts';
import { describe, expect, it } from 'vitest';
import type { RunRow } from '../database/entities.js';
import { noiseFor } from '../recipe/noise.js';
import { privacyOf } from './privacy.js';

const spec = (epsilon: number | null, rowCountNoise = 10): Federation => federationSchema.parse({
  name: 'demo', model: { file: 'm', logits: 'l', trainable: ['w'], loss: 'bce' }, features: 'f', sites: { min: 2, threshold: 2, roundTimeoutMs: 1000 },
  strategy: { name: 'fedavg' }, rounds: 3, local: { steps: 4, samplingRate: 0.3, learningRate: 0.1, optimizer: 'sgd' },
  privacy: { unit: 'record', epsilon, delta: 1e-3, clippingNorm: 1, accountant: 'rdp', rowCountNoise }, encryption: { scheme: 'ckks-threshold', bits: 16 },
  promotion: { gate: {} },
});
const run = (id: string, s: Federation, noiseMultiplier: number) => ({ id, spec: s, noiseMultiplier }) as RunRow;

describe('the mirror of the sites’ ledgers', () => {
  it('starts at nothing, grows with every round and stays within the budget', () => {
    const s = spec(1.2);
    const row = run('a', s, noiseFor(s));
    const spent = [0, 1, 2, 3].map((rounds) => privacyOf(row, rounds).epsilonSpent!);
    expect(spent[0]).toBe(0);
    for (const [i, epsilon] of spent.entries()) if (i > 0) expect(epsilon).toBeGreaterThan(spent[i - 1]!);
    expect(spent[3]).toBeLessThanOrEqual(1.2);
    expect(privacyOf(row, 3)).toMatchObject({ unit: 'record', epsilonBudget: 1.2, delta: 1e-3, noiseMultiplier: row.noiseMultiplier });
  });

  it('has no figure for training without noise', () => {
    const row = run('b', spec(null), 0);
    expect(privacyOf(row, 0).epsilonSpent).toBe(0);
    expect(privacyOf(row, 1).epsilonSpent).toBeNull();
    expect(privacyOf(row, 1).epsilonBudget).toBeNull();
  });

  it('does not mix up two runs', () => {
    const [tight, loose] = [spec(0.5), spec(8)];
    expect(privacyOf(run('c', tight, noiseFor(tight)), 3).epsilonSpent).toBeLessThanOrEqual(0.5);
    expect(privacyOf(run('d', loose, noiseFor(loose)), 3).epsilonSpent).toBeGreaterThan(4);
  });
});
