import { readFileSync } from 'node:fs';
import { runs } from '@koinon/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Mechanism } from './mechanism.js';
import { epsilonByRdp, epsilonFromRdp, rdpOf, rdpOrders } from './rdp.js';

interface Vector {
  name: string;
  input: {
    noise_multiplier?: number;
    noise_multipliers?: number[];
    sampling_rate: number;
    steps?: number;
    order: number | 'inf';
    orders?: string | number[];
    rdp?: number[];
    delta: number;
  };
  expected: { rdp: number | 'inf'; rdp_exact?: number; epsilon: number | 'inf'; library_epsilon?: number };
  tolerance: { abs?: number; rel?: number; rel_exact?: number };
}

const vectors = (file: string): Vector[] =>
  JSON.parse(readFileSync(new URL(`../kat/${file}.json`, import.meta.url), 'utf8')) as Vector[];

const number = (value: number | 'inf') => (value === 'inf' ? Infinity : value);

function mechanismsOf({ input }: Vector): Mechanism[] {
  return (input.noise_multipliers ?? [input.noise_multiplier!]).map((noiseMultiplier) => ({
    kind: 'sampled-gaussian',
    noiseMultiplier,
    samplingRate: input.sampling_rate,
    steps: input.steps ?? 1,
  }));
}

function expectWithin(actual: number, wanted: number, { abs = 0, rel = 0 }: { abs?: number; rel?: number }): void {
  if (actual === wanted) return;
  expect(Math.abs(actual - wanted)).toBeLessThanOrEqual(Math.max(abs, rel * Math.abs(wanted)));
}

describe('rdpOf', () => {
  it.each(vectors('dp_rdp'))('$name', (vector) => {
    const actual = rdpOf(mechanismsOf(vector), number(vector.input.order));
    const { rdp, rdp_exact } = vector.expected;
    if (rdp_exact === undefined) expectWithin(actual, number(rdp), vector.tolerance);
    else {
      expectWithin(actual, rdp_exact, { rel: vector.tolerance.rel_exact! });
      expect(actual).toBeLessThanOrEqual(number(rdp) * (1 + vector.tolerance.rel!));
    }
  });

  it('bounds fractional orders from above when σ is too small for quadrature', () => {
    const at = (order: number) =>
      (order - 1) * rdpOf([{ kind: 'sampled-gaussian', noiseMultiplier: 0.005, samplingRate: 0.1, steps: 1 }], order);
    expect(at(7.5)).toBeCloseTo((at(7) + at(8)) / 2, 6);
  });
});

describe('epsilonByRdp', () => {
  const tfpHead = [1.25, 1.5, 1.75, 2, 2.25, 2.5, 3, 3.5, 4, 4.5];
  const whole = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const grids: Record<string, readonly number[]> = {
    opacus: rdpOrders.filter((order) => order < 64 && order !== 11),
    dp_accounting: rdpOrders,
    tfp: [...tfpHead, ...whole(5, 63), 128, 256, 512],
    int2_64: whole(2, 64),
    '1.000..99.999 step 0.001': whole(1001, 99_999).map((order) => order / 1000),
  };

  it.each(vectors('dp_rdp_to_epsilon'))('$name', (vector) => {
    const { orders, rdp, delta } = vector.input;
    const actual =
      rdp && Array.isArray(orders)
        ? epsilonFromRdp(
            orders.map((order, i) => [order, rdp.at(i)!] as const),
            delta,
          )
        : epsilonByRdp(mechanismsOf(vector), delta, grids[String(orders ?? 'opacus')]);
    expectWithin(actual, number(vector.expected.epsilon), vector.tolerance);
  });

  it('grows with less noise, more sampling and more steps', () => {
    const points = fc.record({
      sigma: fc.double({ min: 0.3, max: 20, noNaN: true }),
      rate: fc.double({ min: 1e-4, max: 0.9, noNaN: true }),
      steps: fc.integer({ min: 1, max: 10_000 }),
      factor: fc.double({ min: 1.01, max: 3, noNaN: true }),
    });
    const epsilon = (noiseMultiplier: number, samplingRate: number, steps: number) =>
      epsilonByRdp([{ kind: 'sampled-gaussian', noiseMultiplier, samplingRate, steps }], 1e-5);
    fc.assert(
      fc.property(points, ({ sigma, rate, steps, factor }) => {
        const here = epsilon(sigma, rate, steps) * (1 + 1e-9);
        expect(epsilon(sigma * factor, rate, steps)).toBeLessThanOrEqual(here);
        expect(epsilon(sigma, rate / factor, steps)).toBeLessThanOrEqual(here);
        expect(epsilon(sigma, rate, Math.floor(steps / factor))).toBeLessThanOrEqual(here);
      }),
      { seed: 1, numRuns: runs(40) },
    );
  });
});
