import type { Federation, RunView, VersionDetail } from '@koinon/contracts';
import { schemes } from '@koinon/he';
import { strategyNames, type StrategyName } from '@koinon/strategies';
import { withDatabase } from '@koinon/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readWeights } from '../../registry/model-weights.js';
import { EdgeNode, heartModel, heartSchema, heartSpec } from '../../testing/edge-node.fixture.js';
import { ended, startRun } from '../../testing/federation.fixture.js';
import { InProcessCoordinator } from '../../testing/in-process.fixture.js';

/** What one round makes of the sites' plain mean update Δ, coordinate by coordinate, as each paper writes it. */
interface Case {
  readonly params: Federation['strategy']['params'];
  /** Defaults that the lineage must state beside `params`. */
  readonly defaults?: Federation['strategy']['params'];
  readonly move: (delta: number) => number;
  readonly fit?: { readonly proximalMu: number };
}

const plain = { proximalMu: 0, controlVariate: false };
/** Reddi et al. 2021, algorithm 2, with m₀ = 0 and v₀ = τ². */
const adaptive = (rate: number, beta1: number, tau: number, v: (square: number) => number) => (delta: number) =>
  (rate * (1 - beta1) * delta) / (Math.sqrt(v(delta * delta)) + tau);

const cases: Readonly<Record<Exclude<StrategyName, 'scaffold'>, Case>> = {
  fedavg: { params: { serverLearningRate: 0.5 }, move: (delta) => 0.5 * delta },
  fedavgm: {
    params: { nesterov: true },
    defaults: { serverLearningRate: 1, momentum: 0.9 },
    move: (delta) => 1.9 * delta,
  },
  fedadam: {
    params: { tau: 0.05, beta2: 0.9 },
    defaults: { serverLearningRate: 0.1, beta1: 0.9 },
    move: adaptive(0.1, 0.9, 0.05, (square) => 0.9 * 0.05 ** 2 + 0.1 * square),
  },
  fedyogi: {
    params: { tau: 0.05, serverLearningRate: 0.1 },
    defaults: { beta1: 0.9, beta2: 0.99 },
    move: adaptive(0.1, 0.9, 0.05, (square) => 0.05 ** 2 - 0.01 * square * Math.sign(0.05 ** 2 - square)),
  },
  fedadagrad: {
    params: { tau: 0.05, serverLearningRate: 0.3 },
    defaults: { beta1: 0 },
    move: adaptive(0.3, 0, 0.05, (square) => 0.05 ** 2 + square),
  },
  // μ·rate = 100, so the site's one step is implicit: a hundred-and-first of the plain one.
  fedprox: {
    params: { proximalMu: 500 },
    defaults: { serverLearningRate: 1 },
    move: (delta) => delta / 101,
    fit: { proximalMu: 500 },
  },
};

/** Twice what two sites' quantisation to 16 bits moves the mean of their updates. */
const TOLERANCE = 2e-4;

/** So many that more test records of a class share a score than an integer of 8 bits counts. */
const TEST_COPIES = 100;

describe('a federation file before real sites', () => {
  const database = withDatabase();
  let coordinator: InProcessCoordinator;
  let nodes: EdgeNode[] = [];

  beforeAll(async () => {
    coordinator = await InProcessCoordinator.start({ databaseUrl: database.url });
    nodes = await Promise.all(
      (['cleveland', 'hungarian'] as const).map((site) => EdgeNode.start(coordinator, site, 'off', TEST_COPIES)),
    );
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    await coordinator[Symbol.asyncDispose]();
  });

  const start = (changes: Partial<Federation>): Promise<RunView> =>
    startRun(coordinator, heartSpec(changes), heartModel(), { schema: heartSchema(), seed: 7 });
  const trained = async (
    strategy: Federation['strategy'],
  ): Promise<{ moves: number[]; lineage: VersionDetail['lineage'] }> => {
    const run = await ended(coordinator, (await start({ strategy })).id);
    expect(run).toMatchObject({ state: 'done', failure: null });
    const { version } = run.rounds[0]!;
    const [before, after] = [heartModel(), await coordinator.client.modelFile('heart', version!)].map((file) =>
      readWeights(file, run.spec.model),
    );
    return {
      moves: Array.from(after!, (weight, i) => weight - before![i]!),
      lineage: (await coordinator.client.version('heart', version!)).lineage,
    };
  };

  let delta: Promise<number[]> | undefined;
  const plainUpdate = (): Promise<number[]> =>
    (delta ??= trained({ name: 'fedavg', params: {} }).then(({ moves }) => moves));

  it.each(Object.entries(cases))(
    '%s does what its paper says, and the lineage what was done',
    async (name, { params, defaults, move, fit }) => {
      const expected = (await plainUpdate()).map(move);
      const { moves, lineage } = await trained({ name, params });
      for (const [i, moved] of moves.entries()) expect(Math.abs(moved - expected[i]!)).toBeLessThan(TOLERANCE);
      expect(Math.max(...(await plainUpdate()).map((plainMove, i) => Math.abs(plainMove - moves[i]!)))).toBeGreaterThan(
        20 * TOLERANCE,
      );
      expect(lineage.strategy).toEqual({ name, params: { ...defaults, ...params } });
      expect(lineage.local).toEqual({ ...heartSpec().local, ...plain, ...fit });
      const rounds = await coordinator.query<{ fit: unknown }>('SELECT fit FROM rounds WHERE run_id = $1', [
        lineage.runId,
      ]);
      expect(rounds).toEqual([{ fit: { ...plain, ...fit } }]);
    },
  );

  it('ends in no version where the sites’ updates are beyond the range they would be clipped to, and says why', async () => {
    const { id } = await start({
      local: { ...heartSpec().local, learningRate: 10 },
      encryption: { scheme: 'one-time-key', bits: 16, range: 0.01 },
    });
    const run = await ended(coordinator, id);
    expect(run.state).toBe('failed');
    expect(run.rounds[0]!.exclusions).toEqual(
      expect.arrayContaining(nodes.map(({ site }) => ({ site, code: 'TRAINING_DIVERGED' }))),
    );
    expect(run.rounds[0]!.version).toBeNull();
  });

  it.each(schemes.names)(
    'counts all test records in integers of 8 bits of %s, however many share a score',
    async (scheme) => {
      const { id } = await start({ encryption: { scheme, bits: 8, range: 1 } });
      const run = await ended(coordinator, id);
      expect(run).toMatchObject({ state: 'done', failure: null });
      // 104 and 89 records of the two hospitals, see the split.
      expect(run.rounds[0]!.metrics).toMatchObject({ records: TEST_COPIES * (104 + 89) });
    },
  );

  it('costs no site anything where the model does not have the value it names', async () => {
    const before = nodes.map((node) => node.ledger());
    await expect(start({ model: { ...heartSpec().model, output: 'logit' } })).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      detail: expect.stringContaining('model.output') as string,
    });
    expect(nodes.map((node) => node.ledger())).toEqual(before);
  });

  it('is refused before anything starts where it asks for what no site offers', async () => {
    await expect(start({ strategy: { name: 'scaffold', params: {} } })).rejects.toMatchObject({
      code: 'STRATEGY_NOT_OFFERED',
      detail: expect.stringContaining('controlVariate') as string,
    });
    expect(strategyNames.toSorted()).toEqual([...Object.keys(cases), 'scaffold'].toSorted());
  });
});
