import type { Federation, Metrics } from '@koinon/contracts';
import { readWeights, writeWeights } from '@koinon/onnx';
import type { RandomBytes } from '@koinon/privacy';
import type { HospitalData, Records } from '@koinon/records';
import { countScores, COUNTS_LENGTH, metricsFromCounts } from '@koinon/secure-tasks';
import { ClippedGradient } from './clipped-gradient.js';
import { scoresOf, testRecords } from './evaluation.js';
import { noisyRecordCount, type NoisePlan } from './noise-plan.js';
import { trainLocally } from './trainer.js';

export type Recipe = Pick<Federation, 'model' | 'privacy' | 'local' | 'rounds'>;
export type Scores = Pick<Metrics, 'accuracy' | 'auc' | 'f1'>;

/** Metrics on all test splits together: of every hospital trained alone, their mean, the most accurate, and all rows in one place. */
export interface ReferenceMetrics {
  readonly sites: Readonly<Record<string, Scores>>;
  readonly averageSite: Scores;
  readonly bestSite: Scores;
  readonly pooled: Scores;
}

/**
 * What the federation is compared with: the same model, steps, clipping and ε without any exchange. It holds several
 * hospitals' records in one process, which no real deployment may.
 * @param model bytes of the untrained model
 * @param plan of the recipe; the same for every training, whose ε does not depend on the number of rows
 * @param randomFor byte source of each training, by site id or 'pooled'
 */
export async function referenceRuns(
  model: Uint8Array,
  hospitals: ReadonlyMap<string, HospitalData>,
  recipe: Recipe,
  plan: NoisePlan,
  randomFor: (stream: string) => RandomBytes,
): Promise<ReferenceMetrics> {
  const all = [...hospitals.values()];
  const score = async (train: Records, stream: string): Promise<Scores> =>
    pooledMetrics(await trainAlone(model, { ...all[0]!, train }, recipe, plan, randomFor(stream)), all);
  const sites: Record<string, Scores> = {};
  for (const [id, { train }] of hospitals) sites[id] = await score(train, id);
  const scores = Object.values(sites);
  const mean = (key: keyof Scores): number => scores.reduce((sum, metrics) => sum + metrics[key], 0) / scores.length;
  return {
    sites,
    averageSite: { accuracy: mean('accuracy'), auc: mean('auc'), f1: mean('f1') },
    bestSite: scores.reduce((best, metrics) => (metrics.accuracy > best.accuracy ? metrics : best)),
    pooled: await score(joined(all.map(({ train }) => train)), 'pooled'),
  };
}

/** Metrics of one model on the test splits of all hospitals together. */
export async function pooledMetrics(model: Uint8Array, hospitals: readonly HospitalData[]): Promise<Scores> {
  const counts = new Uint32Array(COUNTS_LENGTH);
  for (const hospital of hospitals) {
    countScores(await scoresOf(model, testRecords(hospital)), hospital.test.labels).forEach((count, index) => {
      counts[index] = (counts[index] ?? 0) + count;
    });
  }
  const { accuracy, auc, f1 } = metricsFromCounts(counts);
  return { accuracy, auc, f1 };
}

async function trainAlone(
  model: Uint8Array,
  data: HospitalData,
  recipe: Recipe,
  plan: NoisePlan,
  randomBytes: RandomBytes,
): Promise<Uint8Array> {
  const { clippingNorm } = recipe.privacy;
  const gradient = await ClippedGradient.of(model, { ...recipe.model, clippingNorm }, data);
  const { weights } = await trainLocally(
    gradient,
    data.train,
    {
      weights: readWeights(model, recipe.model.trainable),
      local: { ...recipe.local, steps: recipe.rounds * recipe.local.steps, proximalMu: 0 },
      correction: null,
      privacy: {
        clippingNorm,
        noiseMultiplier: plan.noiseMultiplier,
        recordCountNoise: plan.recordCount.noiseMultiplier,
        noisedRecordCount: noisyRecordCount(data.train.rows, plan.recordCount.noiseMultiplier, randomBytes),
      },
    },
    randomBytes,
  );
  await gradient.release();
  return writeWeights(model, recipe.model.trainable, weights);
}

function joined(parts: readonly Records[]): Records {
  return {
    features: Float32Array.from(parts.flatMap(({ features }) => Array.from(features))),
    labels: Float32Array.from(parts.flatMap(({ labels }) => Array.from(labels))),
    rows: parts.reduce((sum, { rows }) => sum + rows, 0),
  };
}
