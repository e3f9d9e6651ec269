/**
 * Quality of the heart-disease federation over 20 seeds, with and without privacy noise, against each hospital alone
 * and all rows in one place, each on the four test splits together. The whole recipe runs in this process: DP-SGD per
 * site, 16-bit quantisation, exact integer sum, FedAvg weighted by noised row counts. Encryption is left out: its
 * integer sums are exact, so it cannot change a figure here.
 */
import { readFileSync } from 'node:fs';
import { federationSchema } from '@koinon/contracts';
import {
  ClippedGradient, loadHospitalData, noisyRowCount, planNoise, pooledMetrics, referenceRuns, seededBytes, trainLocally,
  type HospitalData, type NoisePlan, type Recipe, type Scores,
} from '@koinon/edge-node';
import { Quantiser } from '@koinon/he';
import { dataFile, featureSchemaFile, federationFile, modelFile, sites, splitFile } from '@koinon/heart-disease';
import { readWeights, writeWeights } from '@koinon/onnx';
import { parse } from 'yaml';
import type { Figure } from './figure.js';

/** The median over all seeds. */
interface SeedFigure extends Figure {
  /** Interval that holds the median with at least 95 % confidence (order statistics). */
  readonly interval: readonly [number, number];
}

const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
/** Row counts are sent as a share of this public bound; a larger hospital would weigh as much as one of this size. */
const largestRowCount = 1000;

/** Metrics of the federated, the average, the best and the pooled model: median and samples over seeds 1 to 20. */
export async function run(): Promise<SeedFigure[]> {
  const model = new Uint8Array(readFileSync(modelFile));
  const hospitals = new Map(
    sites.map(({ id }) => [id as string, loadHospitalData({ file: dataFile(id), schemaFile: featureSchemaFile, splitFile, centre: id })]),
  );
  const federation = federationSchema.parse(parse(readFileSync(federationFile, 'utf8')));
  const figures: SeedFigure[] = [];
  for (const epsilon of [federation.privacy.epsilon, null]) {
    const recipe = { ...federation, privacy: { ...federation.privacy, epsilon } };
    const plan = planNoise(recipe);
    const runs: Record<'federated' | 'averageSite' | 'bestSite' | 'pooled', Scores>[] = [];
    for (const seed of seeds) {
      const federated = await federate(model, hospitals, recipe, plan, seed);
      runs.push({ federated, ...(await referenceRuns(model, hospitals, recipe, plan, (stream) => seededBytes(seed, `alone/${stream}`))) });
    }
    const label = epsilon === null ? 'without noise' : `epsilon ${epsilon}`;
    for (const metric of ['accuracy', 'auc', 'f1'] as const) {
      const pooled = median(runs.map((scores) => scores.pooled[metric]));
      for (const who of ['federated', 'averageSite', 'bestSite', 'pooled'] as const) {
        figures.push(figure(`${who} ${metric}, ${label}`, 'fraction', runs.map((scores) => scores[who][metric]), pooled));
      }
    }
    figures.push(figure(`lift over the average site, ${label}`, 'points of accuracy', runs.map(({ federated, averageSite }) => 100 * (federated.accuracy - averageSite.accuracy))));
  }
  return figures;
}

async function federate(model: Uint8Array, hospitals: ReadonlyMap<string, HospitalData>, recipe: Recipe, plan: NoisePlan, seed: number): Promise<Scores> {
  const local = { ...recipe.local, proximalMu: 0 };
  const { privacy } = recipe;
  const { noiseMultiplier, rowCount } = plan;
  const quantiser = Quantiser.from({ bits: 16, range: 1 });
  const members = await Promise.all(
    Array.from(hospitals, async ([id, data]) => {
      const randomBytes = seededBytes(seed, `federated/${id}`);
      const gradient = await ClippedGradient.of(model, { ...recipe.model, clippingNorm: privacy.clippingNorm }, data);
      return { data, gradient, randomBytes, rows: noisyRowCount(data.train.rows, rowCount.noiseMultiplier, randomBytes) };
    }),
  );
  let weights = readWeights(model, recipe.model.trainable);
  for (let round = 0; round < recipe.rounds; round++) {
    const sum = new Uint32Array(weights.length + 1);
    for (const { data, gradient, randomBytes, rows } of members) {
      const start = weights;
      const trained = await trainLocally(
        gradient,
        data.train,
        { weights: start, local, privacy: { clippingNorm: privacy.clippingNorm, noiseMultiplier, noisedRowCount: rows } },
        randomBytes,
      );
      const share = Math.min(1, rows / largestRowCount);
      const upload = Float32Array.from([...trained.weights.map((weight, i) => share * (weight - (start[i] ?? 0))), share]);
      quantiser.quantise(upload, randomBytes).forEach((value, i) => {
        sum[i] = (sum[i] ?? 0) + value;
      });
    }
    const totals = quantiser.dequantiseSum(sum, members.length);
    const share = totals.at(-1) ?? 1;
    weights = weights.map((weight, i) => weight + (totals[i] ?? 0) / share);
  }
  await Promise.all(members.map(({ gradient }) => gradient.release()));
  return pooledMetrics(writeWeights(model, recipe.model.trainable, weights), members.map(({ data }) => data));
}

function figure(name: string, unit: string, samples: readonly number[], yardstick?: number): SeedFigure {
  const value = median(samples);
  const sorted = samples.toSorted((a, b) => a - b);
  // Ranks 6 and 15 of 20 enclose the median with 95.9 % (binomial distribution).
  const interval = [sorted[5] ?? value, sorted[14] ?? value] as const;
  return { name, value, unit, samples, interval, ...(yardstick === undefined ? {} : { yardstick, ratio: value / yardstick }) };
}

function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2;
}
