/**
 * Quality of the heart-disease federation over 20 seeds, with and without privacy noise, against each hospital alone
 * and all rows in one place, each on the four test splits together. The whole recipe runs in this process, by the functions
 * and with the numbers of site and coordinator: DP-SGD, update vector, quantisation, exact integer sum, strategy step.
 * Encryption is left out: its integer sums are exact, so it cannot change a figure here.
 */
import { readFileSync } from 'node:fs';
import { noiseFor } from '@koinon/coordinator';
import {
  federationSchema,
  fitSchema,
  meanUpdate,
  updateLength,
  updateVector,
  type Federation,
} from '@koinon/contracts';
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
import { Quantiser } from '@koinon/he';
import { dataFile, recordsSchemaFile, federationFile, modelFile, sites, splitFile } from '@koinon/heart-disease';
import { readWeights, writeWeights } from '@koinon/onnx';
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
    const plan = checkedNoise(recipe, noiseFor(recipe));
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
    local,
    privacy,
    encryption,
    model: { trainable },
    strategy: { name, params },
  } = federation;
  const { noiseMultiplier, recordCount } = plan;
  const scaling = { maxRecords: federation.sites.maxRecords, range: encryption.range };
  const quantiser = Quantiser.from({ bits: encryption.bits, range: scaling.range });
  const strategy = strategyByName(name, params);
  const fit = fitSchema.parse(strategy.fit);
  const members = await Promise.all(
    Array.from(hospitals, async ([id, data]) => {
      const randomBytes = seededBytes(seed, `federated/${id}`);
      const gradient = await ClippedGradient.of(
        model,
        { ...federation.model, clippingNorm: privacy.clippingNorm },
        data,
      );
      return {
        data,
        gradient,
        randomBytes,
        rows: noisyRecordCount(data.train.rows, recordCount.noiseMultiplier, randomBytes),
      };
    }),
  );
  let version = model;
  let state = strategy.init(Float64Array.from(readWeights(model, trainable)));
  for (let round = 1; round <= federation.rounds; round++) {
    const weights = readWeights(version, trainable);
    const sum = new Uint32Array(updateLength(weights.length));
    for (const { data, gradient, randomBytes, rows } of members) {
      const charged = {
        clippingNorm: privacy.clippingNorm,
        noiseMultiplier,
        recordCountNoise: recordCount.noiseMultiplier,
        noisedRecordCount: rows,
      };
      const job = { weights, local: { ...local, ...fit }, privacy: charged };
      const trained = await trainLocally(gradient, data.train, job, randomBytes);
      const vector = updateVector(
        trained.weights.map((weight, i) => weight - weights[i]!),
        rows,
        scaling,
      );
      quantiser.quantise(vector, randomBytes).forEach((value, i) => {
        sum[i] = sum[i]! + value;
      });
    }
    const { delta, records } = meanUpdate(quantiser.dequantiseSum(sum, members.length), scaling);
    const after = strategy.step(state, { weights: Float64Array.from(weights), delta, round, examples: records });
    state = after.state;
    version = writeWeights(version, trainable, Float32Array.from(after.weights));
  }
  await Promise.all(members.map(({ gradient }) => gradient.release()));
  return pooledMetrics(
    version,
    members.map(({ data }) => data),
  );
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
