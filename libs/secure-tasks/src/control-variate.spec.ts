import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { controlChange, correctionOf } from './control-variate.js';
import type { FitResult } from './fit.js';
import { frame, TestSite } from './recipe.fixture.js';
import { requestedTask } from './task.js';
import type { TaskRequest } from './task-kinds.js';

interface Vector {
  readonly name: string;
  readonly input: {
    readonly x: number[];
    readonly c: number[];
    readonly c_i: number[];
    readonly grads: number[][];
    readonly K: number;
    readonly lr_local: number;
  };
  readonly expected: { readonly y: number[]; readonly c_i_plus: number[]; readonly delta_c: number[] };
}
const vectors = JSON.parse(readFileSync(new URL('../kat/scaffold_sites.json', import.meta.url), 'utf8')) as Vector[];
const fit = (told: string | null): TaskRequest => ({
  task: 'fit',
  on: 'base',
  ask: { weighting: 'uniform', proximalMu: 0, controlVariate: true, control: told },
});
const TOLD = 'c0'.repeat(32);

it.each(vectors.filter(({ name }) => name === 'scaffold_client_option2'))('$name', ({ input, expected }) => {
  const local = { steps: input.K, learningRate: input.lr_local, samplingRate: 1, optimizer: 'sgd' } as const;
  const delta = Float64Array.from(expected.y, (y, i) => y - input.x[i]!);
  const change = controlChange(delta, Float32Array.from(input.c), local);
  // float32 against float64, divided by K·η = 0.2.
  for (const [i, wanted] of expected.delta_c.entries()) expect(Math.abs(change[i]! - wanted)).toBeLessThan(2e-6);
});

it('corrects by c − c_i, whichever of them is not there yet', () => {
  const [server, own] = [Float32Array.of(1, -2), Float64Array.of(0.25, 0.5)];
  expect(correctionOf(server, own)).toEqual(Float32Array.of(0.75, -2.5));
  expect(correctionOf(server, null)).toEqual(server);
  expect(correctionOf(null, own)).toEqual(Float32Array.of(-0.25, -0.5));
  expect(correctionOf(null, null)).toBeNull();
});

describe('over rounds', () => {
  /** Two sites with gradients of their own, which their training sees plus the correction: K·η = 0.2. */
  const gradients = [Float32Array.of(1, 0, -2), Float32Array.of(-0.5, 0.25, 1)];
  const at = (gradient: Float32Array) =>
    new TestSite((_, correction) => ({
      records: 10,
      delta: gradient.map((g, i) => -0.2 * (g + (correction?.[i] ?? 0))),
    }));

  it('a site’s control variate becomes its mean gradient, and the server’s the exact mean of the sites’', async () => {
    const sites = gradients.map(at);
    let total = new Float64Array(3);
    let told: string | null = null;
    let server: Float32Array | null = null;
    for (let round = 1; round <= 4; round++) {
      const framed = frame({ round, counted: round === 1 ? {} : { fit: round - 1 } });
      const task = requestedTask(fit(told), framed);
      const sum = new Uint32Array(3);
      for (const site of sites) (await task.compute(site)).forEach((value, i) => (sum[i]! += value));
      const result = task.decode(sum, 2) as FitResult;
      const change = controlChange(result.delta, server, result.local);
      total = total.map((value, i) => value + result.sites * change[i]!);
      server = Float32Array.from(total, (value) => value / 2);
      told = TOLD;
      for (const [k, site] of sites.entries()) {
        site.vectors.set(TOLD, server);
        // Within a step of the grid of updates, divided by K·η.
        for (const [i, g] of gradients[k]!.entries())
          expect(Math.abs(site.made.get(round)!.control[i]! - g)).toBeLessThan(5.01 / 32767);
      }
      const mean = total.map((_, i) => sites.reduce((all, site) => all + site.made.get(round)!.control[i]!, 0));
      for (const i of mean.keys()) expect(Math.abs(total[i]! - mean[i]!)).toBeLessThan(1e-12);
    }
    // c − c_i, once both are there.
    const [last] = sites[0]!.corrections.slice(-1);
    for (const i of [0, 1, 2])
      expect(Math.abs(last![i]! - (gradients[1]![i]! - gradients[0]![i]!) / 2)).toBeLessThan(1e-3);
  });

  it('an answer that did not count changes nothing', async () => {
    const site = at(gradients[0]!);
    await requestedTask(fit(null), frame({ round: 1 })).compute(site);
    const kept = site.made.get(1)!.control;
    await requestedTask(fit(null), frame({ round: 2, counted: { fit: 1 } })).compute(site);
    await requestedTask(fit(null), frame({ round: 3, counted: { fit: 1 } })).compute(site);
    expect(site.corrections).toEqual([null, Float32Array.from(kept, (v) => -v), Float32Array.from(kept, (v) => -v)]);
    await requestedTask(fit(null), frame({ round: 4 })).compute(site);
    expect(site.corrections.at(-1)).toBeNull();
  });
});
