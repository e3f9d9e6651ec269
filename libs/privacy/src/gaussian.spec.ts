import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gaussianDelta, gaussianEpsilon, gaussianNoiseMultiplier } from './gaussian.js';

interface Vector {
  name: string;
  input: {
    epsilon?: number | 'inf';
    delta?: number;
    sigma?: number;
    sensitivity?: number | 'inf';
    steps?: number;
    noise_multiplier?: number;
  };
  expected: Record<string, number | undefined>;
  tolerance: { abs?: number; rel?: number; rel_exact?: number };
}

const vectors = JSON.parse(readFileSync(new URL('../kat/dp_gaussian.json', import.meta.url), 'utf8')) as Vector[];
const number = (value: number | 'inf' | undefined) => (value === 'inf' ? Infinity : (value ?? NaN));
// The central limit approximation can report too little and is not built.
const covered = vectors.filter(({ name }) => !name.startsWith('gdp_clt'));

function expectWithin(actual: number, wanted: number, { abs = 0, rel = 0 }: { abs?: number; rel?: number }): void {
  expect(Math.abs(actual - wanted)).toBeLessThanOrEqual(Math.max(abs, rel * Math.abs(wanted)));
}

describe('the analytic Gaussian mechanism', () => {
  it.each(covered)('$name', ({ input, expected, tolerance }) => {
    const sensitivity = number(input.sensitivity ?? 1);
    // k releases at σ are one release at σ/√k.
    const scale = sensitivity * Math.sqrt(input.steps ?? 1);
    if (expected['sigma'] !== undefined) {
      expectWithin(gaussianNoiseMultiplier(number(input.epsilon), input.delta!) * scale, expected['sigma'], tolerance);
    } else if (expected['variance_exact'] !== undefined) {
      const sigma = gaussianNoiseMultiplier(number(input.epsilon), input.delta!) * scale;
      expectWithin(sigma ** 2, expected['variance_exact'], { rel: tolerance.rel_exact! });
    } else if (expected['epsilon'] !== undefined) {
      expectWithin(gaussianEpsilon(input.sigma! / scale, input.delta!), expected['epsilon'], tolerance);
    } else {
      const sigma = input.sigma ?? input.noise_multiplier!;
      const wanted = expected['delta_exact'] ?? expected['delta']!;
      expectWithin(gaussianDelta(sigma / scale, number(input.epsilon)), wanted, tolerance);
    }
  });

  it('refuses a delta outside (0, 1)', () => {
    expect(() => gaussianNoiseMultiplier(1, 0)).toThrow(expect.objectContaining({ code: 'PRIVACY_PARAMETER_INVALID' }));
  });
});
