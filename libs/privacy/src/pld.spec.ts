import { readFileSync } from 'node:fs';
import { runs } from '@koinon/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { composeLosses } from './compose-losses.js';
import { logRatio, type LossDistribution } from './loss-distribution.js';
import type { Mechanism } from './mechanism.js';
import { epsilonByPld, epsilonOfLosses } from './pld.js';
import { epsilonByRdp } from './rdp.js';

interface Vector {
  name: string;
  input: {
    noise_multiplier?: number;
    sampling_rate: number;
    steps: number;
    delta?: number;
    epsilon?: number;
    adjacency?: 'ADD' | 'REMOVE';
    standard_deviation: number;
    sensitivity: number;
    sampling_prob: number;
    x: number;
    num_queries: number;
    total_delta: number;
    k: number;
  };
  expected: {
    delta: number;
    epsilon: number;
    privacy_loss: number;
    total_epsilon: number | null;
    total_delta: number;
  };
  tolerance: { abs?: number; rel?: number };
}

const read = (file: string) =>
  JSON.parse(readFileSync(new URL(`../kat/${file}.json`, import.meta.url), 'utf8')) as Vector[];
const sampled = (noiseMultiplier: number, samplingRate: number, steps: number): Mechanism => ({
  kind: 'sampled-gaussian',
  noiseMultiplier,
  samplingRate,
  steps,
});

// Compositions of more releases need grids of a million points, seconds each; two of them stand for all.
const long = ['opacus_prv_s3.0_q0.05_T20000', 'fft_delta_at_eps1_s1.1_q0.004267_T14063'];
const compositions = read('dp_pld').filter(
  ({ name, input }) => input.noise_multiplier !== undefined && (input.steps <= 2250 || long.includes(name)),
);

describe('epsilonByPld', () => {
  it.each(compositions)('$name', { timeout: 60_000 }, ({ input, expected, tolerance }) => {
    const delta = input.delta ?? expected.delta;
    const exact = input.epsilon ?? expected.epsilon;
    const actual = epsilonByPld([sampled(input.noise_multiplier!, input.sampling_rate, input.steps)], delta);
    // How far below the exact value its own uncertainty lets us be: in ε, or in δ at a slope of at least δ.
    const uncertainty =
      input.delta === undefined ? tolerance.rel! : Math.max(tolerance.abs ?? 0, (tolerance.rel ?? 0) * exact);
    expect(actual).toBeGreaterThanOrEqual(exact - uncertainty);
    expect(actual).toBeLessThanOrEqual(exact * (1 + 3e-5) + uncertainty + 1e-6);
  });

  it(
    'is at most 2e-4 above where its largest grid is coarse: many steps at a small sampling rate',
    { timeout: 60_000 },
    () => {
      const { input, expected, tolerance } = read('dp_pld').find(
        ({ name }) => name === 'opacus_prv_s0.8_q0.001_T20000',
      )!;
      const actual = epsilonByPld([sampled(input.noise_multiplier!, input.sampling_rate, input.steps)], input.delta!);
      expect(actual).toBeGreaterThanOrEqual(expected.epsilon - tolerance.abs!);
      expect(actual).toBeLessThanOrEqual(expected.epsilon * (1 + 2e-4));
    },
  );

  it.each(read('dp_pld').filter(({ name }) => name.startsWith('google_privacy_loss')))(
    'privacy loss: $name',
    ({ input, expected, tolerance }) => {
      const { standard_deviation: deviation, sensitivity, sampling_prob: rate, x, adjacency } = input;
      // There, removal shifts the mean to −sensitivity; here, to +1 in units of the sensitivity.
      const sign = adjacency === 'ADD' ? 1 : -1;
      const loss = -sign * logRatio(deviation / sensitivity, rate, (sign * x) / sensitivity);
      expect(Math.abs(loss - expected.privacy_loss)).toBeLessThanOrEqual(tolerance.abs!);
    },
  );

  it('does not depend on order, nor on how steps are split', () => {
    const whole = epsilonByPld([sampled(2, 0.1, 3), sampled(1.5, 0.05, 4)], 1e-5);
    const parts = [sampled(1.5, 0.05, 4), sampled(2, 0.1, 1), sampled(2, 0.1, 2)];
    expect(epsilonByPld(parts, 1e-5)).toBe(whole);
  });

  it('composes sampled with unsampled releases: more than either, at most their sum', () => {
    const full: Mechanism = { kind: 'gaussian', noiseMultiplier: 8, releases: 2 };
    const both = epsilonByPld([sampled(4, 0.3, 25), full], 1e-3);
    expect(both).toBeGreaterThan(epsilonByPld([sampled(4, 0.3, 25)], 1e-3));
    expect(both).toBeLessThan(epsilonByPld([sampled(4, 0.3, 25)], 5e-4) + epsilonByPld([full], 5e-4));
  });

  it('is monotone in noise, sampling and steps, and never above RDP', { timeout: 60_000 }, () => {
    const points = fc.record({
      sigma: fc.double({ min: 0.7, max: 8, noNaN: true }),
      rate: fc.double({ min: 0.02, max: 0.8, noNaN: true }),
      steps: fc.integer({ min: 2, max: 60 }),
    });
    const epsilon = (...point: [number, number, number]) => epsilonByPld([sampled(...point)], 1e-4);
    fc.assert(
      fc.property(points, ({ sigma, rate, steps }) => {
        const here = epsilon(sigma, rate, steps);
        const slack = here * (1 + 3e-5) + 1e-6;
        expect(epsilon(sigma * 1.1, rate, steps)).toBeLessThanOrEqual(slack);
        expect(epsilon(sigma, rate / 1.1, steps)).toBeLessThanOrEqual(slack);
        expect(epsilon(sigma, rate, steps - 1)).toBeLessThanOrEqual(slack);
        expect(here).toBeLessThanOrEqual(epsilonByRdp([sampled(sigma, rate, steps)], 1e-4) + 1e-9);
      }),
      { seed: 2, numRuns: runs(12) },
    );
  });

  it('is infinite without noise or without delta, and zero without releases', () => {
    expect(epsilonByPld([sampled(0, 0.1, 1)], 1e-5)).toBe(Infinity);
    expect(epsilonByPld([sampled(1, 0.1, 1)], 0)).toBe(Infinity);
    expect(epsilonByPld([sampled(1, 0, 5)], 1e-5)).toBe(0);
  });
});

describe('composition of (ε, δ)-private releases', () => {
  // The worst (ε, δ)-private release: randomised response that fails outright with probability δ.
  function totalEpsilon(epsilon: number, delta: number, releases: number, totalDelta: number): number {
    const step = epsilon / 64;
    const tilt = 0.5;
    const mass = new Float64Array(129);
    const yes = (1 - delta) / (1 + Math.exp(-epsilon));
    mass[128] = yes * Math.exp(tilt * epsilon);
    mass[0] = (1 - delta - yes) * Math.exp(-tilt * epsilon);
    const losses: LossDistribution = { first: -64, mass, infinity: delta };
    const composed = composeLosses([{ losses, count: releases }], -64 * releases, 2 ** 14);
    return epsilonOfLosses(composed, { step, tilt }, 0, totalDelta, 0);
  }

  const vectors = read('dp_composition');

  it.each(vectors.filter(({ name, input }) => name.startsWith('optimal_') && input.delta! > 0))(
    '$name',
    ({ input, expected }) => {
      const total = totalEpsilon(input.epsilon!, input.delta!, input.num_queries, input.total_delta);
      const wanted = expected.total_epsilon;
      // Kairouz, Oh and Viswanath's theorem visits whole multiples of ε only; between two of them the exact curve is lower.
      if (wanted === null) expect(total).toBe(Infinity);
      else {
        expect(total).toBeLessThanOrEqual(wanted + 1e-7);
        expect(total).toBeGreaterThan(wanted - 2 * input.epsilon!);
      }
    },
  );

  it.each(vectors.filter(({ name }) => name.startsWith('drv_advanced')))('stays below $name', ({ input, expected }) => {
    const total = totalEpsilon(input.epsilon!, input.delta!, input.k, expected.total_delta);
    expect(total).toBeLessThanOrEqual(expected.total_epsilon!);
    expect(total).toBeGreaterThan(0);
  });

  it.each(vectors.filter(({ name }) => name === 'delta_self_composition'))(
    '$name',
    ({ input, expected, tolerance }) => {
      const losses: LossDistribution = { first: 0, mass: Float64Array.of(1), infinity: input.delta! };
      const { infinity } = composeLosses([{ losses, count: input.k }], 0, 4);
      expect(Math.abs(infinity - expected.total_delta)).toBeLessThanOrEqual(tolerance.abs!);
    },
  );
});
