import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { epsilonOf } from './accountant.js';
import { calibrateNoise, LEAST_NOISE_MULTIPLIER } from './calibrate.js';
import { gaussianEpsilon } from './gaussian.js';
import { charge, spent, spentWith, type Ledger } from './ledger.js';
import type { Mechanism } from './mechanism.js';

const plan = { epsilon: 1.2, delta: 1e-3, samplingRate: 0.3, steps: 25 } as const;
const release = (noiseMultiplier: number, steps: number = plan.steps): Mechanism => ({
  kind: 'sampled-gaussian',
  noiseMultiplier,
  samplingRate: plan.samplingRate,
  steps,
});

describe('calibrateNoise', () => {
  it.each(['rdp', 'pld'] as const)('ends just inside the budget with %s', (accountant) => {
    const sigma = calibrateNoise({ ...plan, accountant });
    expect(epsilonOf([release(sigma)], plan.delta, accountant)).toBeLessThanOrEqual(plan.epsilon);
    expect(epsilonOf([release(sigma * 0.9995)], plan.delta, accountant)).toBeGreaterThan(plan.epsilon);
  });

  it('agrees with the measured 3.96 of RDP and needs less noise with PLD', () => {
    expect(calibrateNoise({ ...plan, accountant: 'rdp' })).toBeCloseTo(3.96, 2);
    expect(calibrateNoise(plan)).toBeLessThan(3.6);
  });

  it("agrees with dp-accounting's σ for 25 sampled releases", () => {
    const file = readFileSync(new URL('../kat/dp_pld.json', import.meta.url), 'utf8');
    const vectors = JSON.parse(file) as {
      name: string;
      input: { epsilon: number; delta: number; sampling_rate: number; steps: number; sensitivity: number };
      expected: { library_sigma: number };
      tolerance: { abs_library: number };
    }[];
    const vector = vectors.find(({ name }) => name === 'google_pld_subsampled_std_T25')!;
    const { epsilon, delta, sampling_rate: samplingRate, steps, sensitivity } = vector.input;
    const sigma = calibrateNoise({ epsilon, delta, samplingRate, steps }) * sensitivity;
    expect(Math.abs(sigma - vector.expected.library_sigma)).toBeLessThanOrEqual(vector.tolerance.abs_library);
  });

  it('gives a record that is hardly ever sampled the least noise, and no less', () => {
    expect(calibrateNoise({ ...plan, samplingRate: 1e-4, steps: 5 })).toBe(LEAST_NOISE_MULTIPLIER);
    expect(gaussianEpsilon(LEAST_NOISE_MULTIPLIER, 1e-5)).toBeLessThan(20);
  });

  it('leaves room for what else is charged', () => {
    const besides: Mechanism[] = [{ kind: 'gaussian', noiseMultiplier: 10, releases: 2 }];
    const sigma = calibrateNoise({ ...plan, besides });
    expect(sigma).toBeGreaterThan(calibrateNoise(plan));
    expect(epsilonOf([...besides, release(sigma)], plan.delta)).toBeLessThanOrEqual(plan.epsilon);
  });

  it('says so when the rest already spends everything', () => {
    const besides: Mechanism[] = [{ kind: 'gaussian', noiseMultiplier: 0.5, releases: 1 }];
    expect(() => calibrateNoise({ ...plan, besides, accountant: 'rdp' })).toThrow(
      expect.objectContaining({ code: 'PRIVACY_BUDGET_UNREACHABLE' }),
    );
  });
});

describe('a ledger', () => {
  it('adds up round by round to the whole run and refuses one round more', () => {
    const sigma = calibrateNoise(plan);
    let ledger: Ledger = [];
    for (let round = 0; round < 5; round++) {
      const epsilon = spentWith(ledger, [release(sigma, 5)], plan);
      ledger = charge(ledger, release(sigma, 5));
      expect(epsilon).toBe(spent(ledger, plan.delta));
    }
    expect(spent(ledger, plan.delta)).toBe(epsilonOf([release(sigma)], plan.delta));
    expect(spentWith(ledger, [release(sigma, 1)], plan)).toBeNull();
  });

  it('starts with nothing spent and never admits a release without noise', () => {
    expect(spent([], plan.delta)).toBe(0);
    expect(spentWith([], [release(0, 1)], plan)).toBeNull();
  });

  it('refuses numbers that are not a mechanism', () => {
    const invalid = expect.objectContaining({ code: 'PRIVACY_PARAMETER_INVALID' });
    expect(() => spent([release(Number.NaN)], plan.delta)).toThrow(invalid);
    expect(() => spent([release(1, 1.5)], plan.delta)).toThrow(invalid);
    expect(() => spent([release(1)], 2)).toThrow(invalid);
  });
});
