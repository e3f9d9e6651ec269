import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Federation, RunView, VersionDetail } from '@koinon/contracts';
import { schemes } from '@koinon/he';
import { strategyNames } from '@koinon/strategies';
import { until, withDatabase } from '@koinon/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readWeights } from '../../registry/model-weights.js';
import { EdgeNode, heartModel, heartSchema, heartSpec } from '../../testing/edge-node.fixture.js';
import { ended, startRun } from '../../testing/federation.fixture.js';
import { InProcessCoordinator } from '../../testing/in-process.fixture.js';
import { RecordlessSite } from '../../testing/recordless-site.fixture.js';
import { average, strategyCases } from '../../testing/strategy-cases.fixture.js';

/** The model file holds float32. */
const ROUNDING = 1e-6;
/** Twice what two sites' quantisation to 16 bits moves the mean of their updates. */
const TOLERANCE = 2e-4;

/** So many that more test records of a class share a score than an integer of 8 bits counts. */
const TEST_COPIES = 100;

const most = (values: readonly number[]): number => Math.max(...values.map(Math.abs));
const minus = (a: readonly number[], b: readonly number[]): number[] => a.map((value, i) => value - b[i]!);

describe('a federation file before real sites', () => {
  const database = withDatabase();
  let coordinator: InProcessCoordinator;
  let nodes: EdgeNode[] = [];

  beforeAll(async () => {
    coordinator = await InProcessCoordinator.start({ databaseUrl: database.url });
    nodes = await Promise.all(
      (['cleveland', 'hungarian'] as const).map((site) => EdgeNode.start(coordinator, site, 'off', TEST_COPIES)),
    );
    await until('both nodes to say what they take', async () =>
      (await coordinator.client.sites()).every(({ status }) => status !== null),
    );
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    await coordinator[Symbol.asyncDispose]();
  });

  const start = (changes: Partial<Federation>): Promise<RunView> =>
    startRun(coordinator, heartSpec(changes), heartModel(), { schema: heartSchema(), seed: 7 });
  const done = async (changes: Partial<Federation>): Promise<RunView> => {
    const run = await ended(coordinator, (await start(changes)).id);
    expect(run).toMatchObject({ state: 'done', failure: null });
    return run;
  };
  const lineage = async (version: number | null): Promise<VersionDetail['lineage']> =>
    (await coordinator.client.version('heart', version!)).lineage;
  /** The weights before the first round of a run and after each. */
  const weights = async ({ spec, rounds }: RunView): Promise<number[][]> => {
    const files = await Promise.all(rounds.map(({ version }) => coordinator.client.modelFile('heart', version!)));
    return [heartModel(), ...files].map((file) => Array.from(readWeights(file, spec.model)));
  };
  const stored = (key: string): ArrayBuffer =>
    new Uint8Array(readFileSync(join(coordinator.home, 'blobs', key))).buffer;
  /** What the sums of a task say, round by round: integers made real numbers, and how many sites they are of. */
  const summed = async (run: RunView, task: string, range: number): Promise<{ values: number[]; sites: number }[]> => {
    const zero = 2 ** (run.spec.encryption.bits - 1) - 1;
    const sums = await coordinator.query<{ id: string; uploads: unknown[] }>(
      'SELECT s.id, s.uploads FROM sums s JOIN rounds r ON r.id = s.round_id WHERE r.run_id = $1 AND s.task = $2 ORDER BY r.number',
      [run.id, task],
    );
    return sums.map(({ id, uploads: { length: sites } }) => {
      const integers = new Uint32Array(stored(`sums/${id}/result`));
      return { values: Array.from(integers, (sum) => ((sum - sites * zero) * range) / zero), sites };
    });
  };
  /** The mean update of each round, as the sites’ own vectors add up to it. */
  const meanUpdates = async (run: RunView): Promise<number[][]> => {
    const { range } = run.spec.encryption;
    const parameters = (await weights(run))[0]!.length;
    return (await summed(run, 'fit', range)).map(({ values, sites }) => {
      const weight = values.length === parameters ? sites : values.at(-1)! / range;
      return values.slice(0, parameters).map((value) => value / weight);
    });
  };

  let first: Promise<number[]> | undefined;
  /** The mean update of one round of plain training: what every other setting is compared with. */
  const plainUpdate = (): Promise<number[]> =>
    (first ??= done({})
      .then(meanUpdates)
      .then(([update]) => update!));

  it.each(Object.entries(strategyCases))(
    '%s does what its paper says, round after round, and the lineage what was done',
    async (name, { params, defaults, before = [], step, asked }) => {
      const run = await done({ strategy: { name, params }, rounds: 2 });
      const [updates, versions] = [await meanUpdates(run), await weights(run)];
      let memories = updates[0]!.map(() => before);
      for (const [round, update] of updates.entries()) {
        const steps = update.map((delta, i) => step(delta, memories[i]!));
        const moved = minus(versions[round + 1]!, versions[round]!);
        expect(
          most(
            minus(
              moved,
              steps.map(({ move }) => move),
            ),
          ),
        ).toBeLessThan(ROUNDING);
        if (step !== average) expect(most(minus(moved, update))).toBeGreaterThan(1000 * ROUNDING);
        memories = steps.map(({ memory }) => memory);
      }
      const made = await lineage(run.rounds[0]!.version);
      expect(made.strategy).toEqual({ name, params: { ...defaults, ...params } });
      expect(made.local).toEqual({ ...heartSpec().local, weighting: 'records', proximalMu: 0, ...asked });
    },
  );

  it('knows a case for every strategy', () => {
    expect(Object.keys(strategyCases).toSorted()).toEqual(strategyNames.toSorted());
  });

  it('fedprox holds the sites near the weights they start from', async () => {
    const plain = await plainUpdate();
    const [held] = await meanUpdates(await done({ strategy: { name: 'fedprox', params: { proximalMu: 500 } } }));
    // μ·rate = 100, so that the site's one step is implicit: a hundred-and-first of the plain one.
    expect(
      most(
        minus(
          held!,
          plain.map((delta) => delta / 101),
        ),
      ),
    ).toBeLessThan(TOLERANCE);
    expect(most(plain)).toBeGreaterThan(20 * TOLERANCE);
  });

  it.each<[Federation['local']['optimizer'], (rate: number) => number]>([['sgd', (rate) => rate]])(
    '%s moves the sites as far as its learning rate says',
    async (optimizer, scale) => {
      const plain = await plainUpdate();
      const local = { ...heartSpec().local, optimizer, learningRate: heartSpec().local.learningRate / 4 };
      const [update] = await meanUpdates(await done({ local }));
      expect(
        most(
          minus(
            update!,
            plain.map((delta) => delta * scale(1 / 4)),
          ),
        ),
      ).toBeLessThan(TOLERANCE);
    },
  );

  it.each(['champion', 'candidate'])('promotes to the alias %s and to no other', async (alias) => {
    const { rounds } = await done({ promotion: { alias, gate: {} } });
    const { versions } = await coordinator.client.model('heart');
    const promoted = versions.find(({ version }) => version === rounds[0]!.version);
    expect(promoted).toMatchObject({ aliases: [alias] });
    expect(versions.filter(({ aliases }) => aliases.includes(alias))).toEqual([promoted]);
  });

  it.each(schemes.names)(
    'sums updates and counts all test records in integers of 8 bits of %s, however many share a score',
    async (scheme) => {
      const run = await done({ encryption: { scheme, bits: 8, range: 1 } });
      // Two sites’ steps of 1/127 in the numerator and in the weight, which is above one.
      expect(most(minus((await meanUpdates(run))[0]!, await plainUpdate()))).toBeLessThan(4 / 127);
      // 104 and 89 records of the two hospitals, see the split.
      expect(run.rounds[0]!.metrics).toMatchObject({ records: TEST_COPIES * (104 + 89) });
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

  it('costs no site anything where the model does not have the value it names', async () => {
    const before = nodes.map((node) => node.ledger());
    await expect(start({ model: { ...heartSpec().model, output: 'logit' } })).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      detail: expect.stringContaining('model.output') as string,
    });
    expect(nodes.map((node) => node.ledger())).toEqual(before);
  });

  describe('with SCAFFOLD', () => {
    /** A third hospital is away, so that it is drawn after the others: of N = 3 sites the same two take part in every round. */
    const drawn = { ...heartSpec().sites, fraction: 2 / 3, maxRecords: 1 };
    const rate = heartSpec().local.learningRate;
    const strategy = { name: 'scaffold', params: {} };
    let plain: RunView;
    let corrected: RunView;

    beforeAll(async () => {
      const away = await RecordlessSite.enrol(coordinator, 'away');
      await away.link.ask('POST', '/v1/site/status', { json: { offers: ['fit', 'evaluate'] } });
      await coordinator.query("UPDATE sites SET last_seen_at = NULL WHERE id = 'away'");
      // With records counted to one, plain averaging weighs the two as SCAFFOLD does.
      plain = await done({ sites: drawn, rounds: 2 });
      corrected = await done({ sites: drawn, rounds: 2, strategy });
    });

    it('the server keeps the mean of all sites’ control variates and tells it', async () => {
      const updates = await meanUpdates(corrected);
      const rounds = await coordinator.query<{ told: { control: string } }>(
        'SELECT told FROM rounds WHERE run_id = $1 ORDER BY number',
        [corrected.id],
      );
      let [total, server] = [updates[0]!.map(() => 0), updates[0]!.map(() => 0)];
      for (const [i, { told }] of rounds.entries()) {
        // Two of three sites, and one local step: Σ Δc_i = −2·c − 2·Δ/(K·η).
        total = total.map((sum, k) => sum - 2 * server[k]! - (2 * updates[i]![k]!) / rate);
        server = [...new Float32Array(stored(`sha256/${told.control}`))];
        const mean = total.map((sum) => sum / 3);
        expect(most(minus(server, mean))).toBeLessThan(ROUNDING);
      }
      expect(most(server)).toBeGreaterThan(100 * ROUNDING);
      expect((await lineage(corrected.rounds[1]!.version)).local).toMatchObject({ control: rounds[0]!.told.control });
    });

    it('every site corrects the second round’s step by c − c_i', async () => {
      const [[start1, second], [plain1, plain2]] = [await meanUpdates(corrected), await meanUpdates(plain)];
      expect(most(minus(start1!, plain1!))).toBeLessThan(TOLERANCE);
      // c is two thirds of the mean of the two sites' own, −Δ₁/(K·η): their step goes −K·η·(c − c̄) = −Δ₁/3 further.
      const expected = minus(
        plain2!,
        start1!.map((delta) => delta / 3),
      );
      expect(most(minus(second!, expected))).toBeLessThan(2 * TOLERANCE);
      expect(most(minus(second!, plain2!))).toBeGreaterThan(20 * TOLERANCE);
    });

    it('nothing of it is left at the sites once the run is over', async () => {
      await until('no control variate at any site', () =>
        Promise.resolve(nodes.every((node) => node.kept('controls').length === 0)),
      );
    });

    it('a run that needs more sites than know its tasks is not started, and costs them nothing', async () => {
      const before = nodes.map((node) => node.ledger());
      await coordinator.query(
        "INSERT INTO sites (id, name, state, offers) VALUES ('older', 'A node of before', 'enrolled', '{evaluate}')",
      );
      const all = { ...drawn, min: 4, threshold: 'majority' as const };
      await expect(start({ sites: all, strategy })).rejects.toMatchObject({
        code: 'STRATEGY_NOT_OFFERED',
        detail: expect.stringContaining('fit') as string,
      });
      await coordinator.query("DELETE FROM sites WHERE id = 'older'");
      expect(nodes.map((node) => node.ledger())).toEqual(before);
    });
  });
});
