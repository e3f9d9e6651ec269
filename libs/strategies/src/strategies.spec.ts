import { readFileSync } from 'node:fs';
import { taskKinds } from '@koinon/secure-tasks';
import { runs } from '@koinon/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeState, encodeState } from './state-bytes.js';
import { strategyByName, strategyNames } from './strategy-by-name.js';
import type { RoundResults, StrategyState } from './strategy.js';

const coded = (code: string) => expect.objectContaining({ code });

function resultsOf(weights: number[], delta: number[]): RoundResults {
  const local = { steps: 5, learningRate: 0.4 };
  return {
    weights: Float64Array.from(weights),
    results: { fit: { delta: Float64Array.from(delta), sites: 3, local } },
    population: 4,
  };
}

describe.each(strategyNames)('contract: %s', (name) => {
  const strategy = strategyByName(name);
  const weights = [1, -2, 0.5];
  const delta = [0.26, 0.02, -0.12];

  it('moves every weight in the direction of the update', () => {
    const result = strategy.step(strategy.init(Float64Array.from(weights)), resultsOf(weights, delta));
    const moves = [...result.weights].map((value, i) => Math.sign(value - weights.at(i)!));
    expect(moves).toEqual([1, 1, -1]);
  });

  it('stands still without an update', () => {
    const result = strategy.step(strategy.init(Float64Array.from(weights)), resultsOf(weights, [0, 0, 0]));
    expect([...result.weights]).toEqual(weights);
  });

  it('leaves its arguments alone and answers the same again', () => {
    const state = strategy.init(Float64Array.from(weights));
    const before = encodeState(state);
    const round = resultsOf(weights, delta);
    const once = strategy.step(state, round);
    const twice = strategy.step(state, round);
    expect(twice).toEqual(once);
    expect(encodeState(state)).toEqual(before);
    expect(round).toEqual(resultsOf(weights, delta));
    expect(once.weights).not.toBe(round.weights);
  });

  it('continues from stored bytes exactly as from memory', () => {
    let kept = strategy.init(Float64Array.from(weights));
    let stored = encodeState(kept);
    let current = weights;
    for (let round = 1; round <= 3; round++) {
      const results = resultsOf(current, delta);
      const inMemory = strategy.step(kept, results);
      const fromBytes = strategy.step(decodeState(stored), results);
      expect(fromBytes).toEqual(inMemory);
      kept = inMemory.state;
      stored = encodeState(fromBytes.state);
      current = [...inMemory.weights];
    }
  });

  it('treats parameters independently of each other', () => {
    const finite = fc.double({ min: -10, max: 10, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(finite, finite), { minLength: 1, maxLength: 5 }), (pairs) => {
        const step = (subset: [number, number][]) => {
          const x = subset.map(([value]) => value);
          const moved = strategy.step(
            strategy.init(Float64Array.from(x)),
            resultsOf(
              x,
              subset.map(([, change]) => change),
            ),
          );
          return [...moved.weights];
        };
        expect(step(pairs)).toEqual(pairs.flatMap((pair) => step([pair])));
      }),
      { seed: 3, numRuns: runs(30) },
    );
  });

  it('refuses what would poison the model', () => {
    const state = strategy.init(Float64Array.from(weights));
    const invalid = coded('STRATEGY_AGGREGATE_INVALID');
    const good = resultsOf(weights, delta);
    expect(() => strategy.step(state, resultsOf(weights, [1, 2]))).toThrow(invalid);
    expect(() => strategy.step(state, resultsOf(weights, [1, 2, NaN]))).toThrow(invalid);
    expect(() => strategy.step(state, resultsOf([1, Infinity, 2], delta))).toThrow(invalid);
    expect(() => strategy.step(state, { ...good, results: {} })).toThrow(invalid);
    expect(() => strategy.step({ other: new Float64Array(3) }, good)).toThrow(coded('STRATEGY_STATE_INVALID'));
  });

  it('refuses parameters it does not have or that are out of range', () => {
    const invalid = coded('STRATEGY_PARAMETER_INVALID');
    expect(() => strategyByName(name, { colour: 1 })).toThrow(invalid);
    expect(() => strategyByName(name, { serverLearningRate: 0 })).toThrow(invalid);
    expect(() => strategyByName(name, { serverLearningRate: '1' })).toThrow(invalid);
    expect(() => strategyByName(name, { serverLearningRate: NaN })).toThrow(invalid);
  });

  it('asks for each sum once, those over the base model first, and for what every kind takes', () => {
    for (const told of [{}, { control: 'c0'.repeat(32) }]) {
      const tasks = strategy.tasks({ told });
      expect(tasks.map(({ on }) => on)).toEqual(tasks.map(({ on }) => on).toSorted());
      expect(new Set(tasks.map(({ on }) => on)).size).toBe(2);
      expect(tasks.filter(({ on }) => on === 'base').map(({ task }) => task)).toContain('fit');
      expect(new Set(tasks.map(({ task }) => task)).size).toBe(tasks.length);
      for (const { task, ask } of tasks) expect(taskKinds[task].ask.parse(ask)).toEqual(ask);
    }
  });
});

describe('strategyByName', () => {
  it('refuses an unknown name, inherited ones included', () => {
    expect(() => strategyByName('fedsomething')).toThrow(coded('STRATEGY_UNKNOWN'));
    expect(() => strategyByName('toString')).toThrow(coded('STRATEGY_UNKNOWN'));
  });

  it('asks sites for what the strategy needs of them', () => {
    const plain = { weighting: 'records', proximalMu: 0, controlVariate: false, control: null };
    const asked = (name: string, params = {}, told = {}) => strategyByName(name, params).tasks({ told });
    const [base, next] = [{ on: 'base' }, { task: 'evaluate', on: 'next', ask: {} }];
    expect(asked('fedavg')).toEqual([{ ...base, task: 'fit', ask: plain }, next]);
    expect(asked('fedprox', { proximalMu: 0.1 })).toEqual([
      { ...base, task: 'fit', ask: { ...plain, proximalMu: 0.1 } },
      next,
    ]);
    for (const control of [null, 'c0'.repeat(32)]) {
      const fit = { ...base, task: 'fit', ask: { ...plain, weighting: 'uniform', controlVariate: true, control } };
      expect(asked('scaffold', {}, control ? { control } : {})).toEqual([fit, next]);
    }
  });

  it('says what a strategy runs with, defaults filled in', () => {
    const tau = 1e-3;
    expect(strategyByName('fedavgm', { nesterov: true }).params).toEqual({
      serverLearningRate: 1,
      momentum: 0.9,
      nesterov: true,
    });
    expect(strategyByName('fedprox', { proximalMu: 0.1 }).params).toEqual({ serverLearningRate: 1, proximalMu: 0.1 });
    expect(strategyByName('fedyogi').params).toEqual({ serverLearningRate: 0.01, beta1: 0.9, beta2: 0.99, tau });
    expect(strategyByName('fedadagrad').params).toEqual({ serverLearningRate: 0.1, beta1: 0, tau });
  });

  it('does not offer FedAdagrad a β₂, which its second moment does not have', () => {
    expect(() => strategyByName('fedadagrad', { beta2: 0.9 })).toThrow(coded('STRATEGY_PARAMETER_INVALID'));
  });
});

interface Vector {
  name: string;
  input: Record<string, number> & {
    x0: number[];
    round1_aggregate: number[];
    round2_aggregate: number[];
    m0: number[];
    v0: number[];
    aggregates: number[][];
    initial: number[];
    clients: number[][];
  };
  expected: Record<string, number[]> & { rounds: { velocity: number[]; x: number[] }[] };
  tolerance: { abs?: number; rel?: number };
}

const vectors = JSON.parse(readFileSync(new URL('../kat/server_optimizers.json', import.meta.url), 'utf8')) as Vector[];
const named = (start: string) => vectors.filter(({ name }) => name.startsWith(start));
const minus = (a: readonly number[], b: readonly number[]) => a.map((value, i) => value - b.at(i)!);

function expectClose(actual: Float64Array | undefined, wanted: readonly number[], abs: number): void {
  expect(actual?.length).toBe(wanted.length);
  wanted.forEach((value, i) => expect(Math.abs(actual!.at(i)! - value)).toBeLessThanOrEqual(abs));
}

describe('known answers', () => {
  const algorithms = { adagrad: 'fedadagrad', yogi: 'fedyogi', adam_plain: 'fedadam' };
  const adaptive = Object.entries(algorithms).flatMap(([start, strategy]) =>
    named(`${start}_b1`).map((vector) => ({ ...vector, strategy })),
  );

  it('are there for all three adaptive strategies', () => {
    expect(new Set(adaptive.map(({ strategy }) => strategy)).size).toBe(3);
  });

  it.each(adaptive)('$name', ({ strategy: name, input, expected, tolerance }) => {
    const decays = name === 'fedadagrad' ? {} : { beta2: input['beta2'] };
    const { eta, beta1, tau } = input;
    const strategy = strategyByName(name, { serverLearningRate: eta, beta1, tau, ...decays });
    let state: StrategyState = { m: Float64Array.from(input.m0), v: Float64Array.from(input.v0) };
    let x = input.x0;
    [input.round1_aggregate, input.round2_aggregate].forEach((mean, i) => {
      const moved = strategy.step(state, resultsOf(x, minus(mean, x)));
      const wanted = (key: string) => expected[`${key}${i + 1}`] ?? [];
      expectClose(moved.state['m'], wanted('m'), tolerance.abs ?? 0);
      expectClose(moved.state['v'], wanted('v'), tolerance.abs ?? 0);
      expectClose(moved.weights, wanted('x'), tolerance.abs ?? 0);
      state = moved.state;
      x = [...moved.weights];
    });
  });

  it.each(named('fedavgm_three_rounds'))('$name', ({ name, input, expected, tolerance }) => {
    const nesterov = name.endsWith('nesterov=True');
    const { server_lr: serverLearningRate, momentum } = input;
    const strategy = strategyByName('fedavgm', { serverLearningRate, momentum, nesterov });
    let state = strategy.init(Float64Array.from(input.x0));
    let x = input.x0;
    expected.rounds.forEach((wanted, i) => {
      const moved = strategy.step(state, resultsOf(x, minus(input.aggregates.at(i)!, x)));
      // There, the velocity points up the pseudo-gradient; here, down it.
      expectClose(
        moved.state['velocity']?.map((value) => -value),
        wanted.velocity,
        tolerance.abs ?? 0,
      );
      expectClose(moved.weights, wanted.x, tolerance.abs ?? 0);
      state = moved.state;
      x = [...moved.weights];
    });
  });

  it.each(named('flower_fedadagrad_test'))('$name', ({ input, expected, tolerance }) => {
    const { eta: serverLearningRate, tau } = input;
    const strategy = strategyByName('fedadagrad', { serverLearningRate, tau });
    const mean = input.initial.map((_, i) => input.clients.reduce((sum, client) => sum + client.at(i)! / 2, 0));
    const state = { m: new Float64Array(4), v: new Float64Array(4) };
    const moved = strategy.step(state, resultsOf(input.initial, minus(mean, input.initial)));
    expectClose(moved.weights, expected['new'] ?? [], tolerance.abs ?? 0);
  });

  it.each(named('yogi_sign_exact_zero'))('$name', ({ expected }) => {
    const state = { m: Float64Array.of(0), v: Float64Array.of(0.25) };
    const moved = strategyByName('fedyogi').step(state, resultsOf([0], [0.5]));
    expectClose(moved.state['v'], expected['v_next'] ?? [], 0);
  });

  it('scaffold adds |S|/N of the mean control change −c − Δ/(K·η), and tells the sites', () => {
    const strategy = strategyByName('scaffold');
    const told = Math.fround(0.1);
    const state = { controls: Float64Array.of(4 * 0.1), told: Float64Array.of(told) };
    const moved = strategy.step(state, resultsOf([1], [0.4]));
    const total = 4 * 0.1 + 3 * (-told - 0.4 / 2);
    expectClose(moved.state['controls'], [total], 1e-15);
    expectClose(moved.tell?.['control'], [Math.fround(total / 4)], 0);
    expect(moved.state['told']).toEqual(moved.tell?.['control']);
    // A fifth site, whose own is zero, has been enrolled meanwhile.
    const joined = strategy.step(state, { ...resultsOf([1], [0.4]), population: 5 });
    expectClose(joined.tell?.['control'], [Math.fround(total / 5)], 0);
    expect(() => strategy.step(state, { ...resultsOf([1], [0.4]), population: 2 })).toThrow(
      coded('STRATEGY_AGGREGATE_INVALID'),
    );
  });
});
