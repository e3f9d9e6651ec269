/**
 * Quality of the heart-disease federation over 20 seeds, with and without privacy noise, against each hospital alone
 * and all rows in one place, each on the four test splits together. The whole recipe runs in this process, by the functions
 * and with the numbers of site and coordinator: DP-SGD, update vector, quantisation, exact integer sum, strategy step.
 * Encryption is left out: its integer sums are exact, so it cannot change a figure here.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { noiseFor } from '@koinon/coordinator';
import { federationSchema, type Federation } from '@koinon/contracts';
import {
  ClippedGradient,
  checkedNoise,
  noisyRecordCount,
  pooledMetrics,
  referenceRuns,
  seededBytes,
  trainLocally,
  type NoisePlan,
  type Scores,
} from '@koinon/local-training';
import { loadHospitalData, type HospitalData } from '@koinon/records';
import { dataFile, recordsSchemaFile, federationFile, modelFile, sites, splitFile } from '@koinon/heart-disease';
import { readWeights, writeWeights } from '@koinon/onnx';
import {
  fit,
  requestedTask,
  type Controls,
  type MadeControl,
  type Site,
  type Trained,
  type Training,
} from '@koinon/secure-tasks';
import { strategyByName } from '@koinon/strategies';
import { parse } from 'yaml';
import type { Figure } from './figure.js';

/** The median over all seeds. */
interface SeedFigure extends Figure {
  /** Interval that holds the median with at least 95 % confidence (order statistics). */
  readonly interval: readonly [number, number];
}

const seeds = Array.from({ length: 20 }, (_, index) => index + 1);

/** Metrics of the federated, the average, the best and the pooled model: median and samples over seeds 1 to 20. */
export async function run(): Promise<SeedFigure[]> {
  const model = new Uint8Array(readFileSync(modelFile));
  const hospitals = new Map(
    sites.map(({ id }) => [
      id as string,
      loadHospitalData({ file: dataFile(id), schemaFile: recordsSchemaFile, splitFile, centre: id }),
    ]),
  );
  const federation = federationSchema.parse(parse(readFileSync(federationFile, 'utf8')));
  const figures: SeedFigure[] = [];
  for (const epsilon of [federation.privacy.epsilon, null]) {
    const recipe = { ...federation, privacy: { ...federation.privacy, epsilon } };
    const plan = checkedNoise(recipe, fit.charge({ federation: recipe, noiseMultiplier: noiseFor(recipe) }));
    const runs: Record<'federated' | 'averageSite' | 'bestSite' | 'pooled', Scores>[] = [];
    for (const seed of seeds) {
      const federated = await federate(model, hospitals, recipe, plan, seed);
      runs.push({
        federated,
        ...(await referenceRuns(model, hospitals, recipe, plan, (stream) => seededBytes(seed, `alone/${stream}`))),
      });
    }
    const label = epsilon === null ? 'without noise' : `epsilon ${epsilon}`;
    for (const metric of ['accuracy', 'auc', 'f1'] as const) {
      const pooled = median(runs.map((scores) => scores.pooled[metric]));
      for (const who of ['federated', 'averageSite', 'bestSite', 'pooled'] as const) {
        figures.push(
          figure(
            `${who} ${metric}, ${label}`,
            'fraction',
            runs.map((scores) => scores[who][metric]),
            pooled,
          ),
        );
      }
    }
    figures.push(
      figure(
        `lift over the average site, ${label}`,
        'points of accuracy',
        runs.map(({ federated, averageSite }) => 100 * (federated.accuracy - averageSite.accuracy)),
      ),
    );
  }
  return figures;
}

async function federate(
  model: Uint8Array,
  hospitals: ReadonlyMap<string, HospitalData>,
  federation: Federation,
  plan: NoisePlan,
  seed: number,
): Promise<Scores> {
  const {
    model: { trainable },
    strategy: { name, params },
  } = federation;
  const strategy = strategyByName(name, params);
  const members = await Promise.all(
    Array.from(hospitals, ([id, data]) =>
      Member.of(model, data, federation, plan, seededBytes(seed, `federated/${id}`)),
    ),
  );
  let version = model;
  let state = strategy.init(Float64Array.from(readWeights(model, trainable)));
  let told: Readonly<Record<string, string>> = {};
  for (let round = 1; round <= federation.rounds; round++) {
    const counted = round === 1 ? {} : { fit: round - 1 };
    const frame = {
      runId: RUN,
      round,
      federation,
      recordsSchemaSha256: NONE,
      modelSha256: NONE,
      noiseMultiplier: plan.noiseMultiplier,
      counted,
    };
    const weights = readWeights(version, trainable);
    const results: Record<string, unknown> = {};
    for (const request of strategy.tasks({ told }).filter(({ on }) => on === 'base')) {
      const task = requestedTask(request, frame);
      const sum = new Uint32Array(task.width(weights.length));
      for (const member of members)
        (await task.compute(member.at(weights))).forEach((value, i) => (sum[i] = sum[i]! + value));
      results[request.task] = task.decode(sum, members.length);
    }
    const after = strategy.step(state, { weights: Float64Array.from(weights), results, population: members.length });
    state = after.state;
    told = Object.fromEntries(Object.entries(after.tell ?? {}).map(([vector, values]) => [vector, tell(values)]));
    version = writeWeights(version, trainable, Float32Array.from(after.weights));
  }
  await Promise.all(members.map(({ gradient }) => gradient.release()));
  return pooledMetrics(
    version,
    members.map(({ data }) => data),
  );
}

/** A hospital's side of its tasks, without a network or a ledger. */
class Member implements Site {
  private weights = new Float32Array();
  private readonly made = new Map<number, MadeControl>();
  readonly controls: Controls = {
    after: (_, counted) => (counted === null ? null : this.made.get(counted)!.control),
    keep: (_, __, made) => void this.made.set(made.round, made),
  };

  private constructor(
    readonly data: HospitalData,
    readonly gradient: ClippedGradient,
    readonly randomBytes: Site['randomBytes'],
    private readonly plan: NoisePlan,
    private readonly rows: number,
  ) {}

  static async of(
    model: Uint8Array,
    data: HospitalData,
    federation: Federation,
    plan: NoisePlan,
    randomBytes: Site['randomBytes'],
  ): Promise<Member> {
    const gradient = await ClippedGradient.of(
      model,
      { ...federation.model, clippingNorm: federation.privacy.clippingNorm },
      data,
    );
    return new Member(
      data,
      gradient,
      randomBytes,
      plan,
      noisyRecordCount(data.train.rows, plan.recordCount.noiseMultiplier, randomBytes),
    );
  }

  at(weights: Float32Array<ArrayBuffer>): this {
    this.weights = weights;
    return this;
  }

  async train(
    { federation: { local, privacy }, proximalMu }: Training,
    _: unknown,
    correction: Float32Array | null,
  ): Promise<Trained> {
    const { weights, rows } = this;
    const noise = {
      noiseMultiplier: this.plan.noiseMultiplier,
      recordCountNoise: this.plan.recordCount.noiseMultiplier,
      noisedRecordCount: rows,
    };
    const job = {
      weights,
      local: { ...local, proximalMu },
      correction,
      privacy: { clippingNorm: privacy.clippingNorm, ...noise },
    };
    const trained = await trainLocally(this.gradient, this.data.train, job, this.randomBytes);
    return { delta: trained.weights.map((weight, i) => weight - weights[i]!), records: rows };
  }

  vector = (digest: string): Promise<Float32Array> => Promise.resolve(vectors.get(digest)!);
  score = (): Promise<never> => Promise.reject(new Error('this benchmark scores the last version itself'));
}

const RUN = '00000000-0000-4000-8000-000000000000';
const NONE = '0'.repeat(64);
/** What strategies told the sites, by digest. */
const vectors = new Map<string, Float32Array>();

function tell(values: Float64Array): string {
  const vector = Float32Array.from(values);
  const digest = createHash('sha256').update(vector).digest('hex');
  vectors.set(digest, vector);
  return digest;
}

function figure(name: string, unit: string, samples: readonly number[], yardstick?: number): SeedFigure {
  const value = median(samples);
  const sorted = samples.toSorted((a, b) => a - b);
  // Ranks 6 and 15 of 20 enclose the median with 95.9 % (binomial distribution).
  const interval = [sorted[5] ?? value, sorted[14] ?? value] as const;
  return {
    name,
    value,
    unit,
    samples,
    interval,
    ...(yardstick === undefined ? {} : { yardstick, ratio: value / yardstick }),
  };
}

function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2;
}
