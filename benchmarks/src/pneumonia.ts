/**
 * The pneumonia networks trained in one place: quality on the test split over five seeds, what one training costs on
 * one core, and what int8 would change. Training and the threshold use no test image.
 */
import { performance } from 'node:perf_hooks';
import {
  quantizeIfBetter,
  quantizeModel,
  type CalibrationMethod,
  type Model,
  type QuantizationReport,
  type Run,
  type Tensor,
} from '@koinon/onnx';
import {
  areaUnderCurve,
  compactCnn,
  logisticRegression,
  multilayerPerceptron,
  PIXELS,
  predict,
  quality,
  readDataset,
  trainCentrally,
  type Network,
  type Quality,
  type Radiographs,
  type Trained,
} from '@koinon/pneumonia';
import type { Figure } from './figure.js';

const seeds = [1, 2, 3, 4, 5];
/** The least that the mean over the seeds must reach. */
const wanted = { auc: 0.95, f1: 0.893 };
const CALIBRATION_ROWS = 256;
/** Half a point of AUC. */
const QUANTIZATION_TOLERANCE = 0.005;
const method: CalibrationMethod = { kind: 'percentile', percent: 99.99 };

interface Trial extends Quality, Trained {
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

async function trial(network: Network, seed: number): Promise<Trial> {
  const dataset = readDataset();
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  const trained = await trainCentrally(network, dataset, seed);
  const { user, system } = process.cpuUsage(cpu);
  const wallSeconds = (performance.now() - wall) / 1000;
  const probabilities = await predict(trained.model, dataset.test);
  return {
    ...trained,
    ...quality({ probabilities, labels: dataset.test.labels }, trained.threshold),
    cpuSeconds: (user + system) / 1e6,
    wallSeconds,
  };
}

function batchOf({ images }: Radiographs, from: number, rows: number): Record<string, Tensor> {
  return {
    image: {
      name: 'image',
      type: 'float32',
      dims: [rows, 1, 28, 28],
      data: Float32Array.from(images.subarray(from * PIXELS, (from + rows) * PIXELS)),
    },
  };
}

interface Quantized {
  readonly report: QuantizationReport;
  readonly test: Record<'fp32' | 'int8', Quality>;
}

/** int8 against fp32, calibrated on training radiographs. The rule decides on the validation split; the test split only reports. */
async function quantized({ model, threshold }: Trial): Promise<Quantized> {
  const { train, validation, test } = readDataset();
  const calibration = Array.from({ length: CALIBRATION_ROWS / 32 }, (_, index) => batchOf(train, 32 * index, 32));
  const score = async (run: Run): Promise<number> => {
    const answer = await run(batchOf(validation, 0, validation.count));
    return areaUnderCurve({ probabilities: answer['probability']?.data as Float32Array, labels: validation.labels });
  };
  const { report } = await quantizeIfBetter(model, {
    calibration,
    method,
    score,
    tolerance: QUANTIZATION_TOLERANCE,
    latencyInput: batchOf(validation, 0, 1),
  });
  const onTest = async (of: Model): Promise<Quality> =>
    quality({ probabilities: await predict(of, test), labels: test.labels }, threshold);
  return {
    report,
    test: { fp32: await onTest(model), int8: await onTest(await quantizeModel(model, calibration, method)) },
  };
}

export async function run({ onProgress = () => {} }: { onProgress?: (line: string) => void } = {}): Promise<Figure[]> {
  const trials: Trial[] = [];
  for (const seed of seeds) {
    const done = await trial(compactCnn(seed), seed);
    trials.push(done);
    onProgress(
      `pneumonia CNN, seed ${seed}: AUC ${done.auc.toFixed(4)}, F1 ${done.f1.toFixed(4)}, ${done.cpuSeconds.toFixed(0)} CPU seconds in ${done.wallSeconds.toFixed(0)} s`,
    );
  }
  const [first] = trials as [Trial, ...Trial[]];
  const figure = (name: string, unit: string, pick: (trial: Trial) => number): Figure => ({
    name: `pneumonia CNN, ${name}`,
    value: mean(trials.map(pick)),
    unit,
    samples: trials.map(pick),
  });
  const againstWanted = (base: Figure, yardstick: number): Figure => ({
    ...base,
    ratio: base.value / yardstick,
    yardstick,
  });
  const figures: Figure[] = [
    againstWanted(
      figure('test AUC, mean of 5 seeds', 'fraction', ({ auc }) => auc),
      wanted.auc,
    ),
    againstWanted(
      figure('test F1 at the validation threshold, mean of 5 seeds', 'fraction', ({ f1 }) => f1),
      wanted.f1,
    ),
    figure('test accuracy at the validation threshold, mean of 5 seeds', 'fraction', ({ accuracy }) => accuracy),
    figure('validation AUC, mean of 5 seeds', 'fraction', ({ validationAuc }) => validationAuc),
    figure('one training, one core', 'CPU s', ({ cpuSeconds }) => cpuSeconds),
    figure('one training on this machine as it is', 's', ({ wallSeconds }) => wallSeconds),
  ];
  const {
    report: { fp32, int8, chosen, reason },
    test,
  } = await quantized(first);
  onProgress(`pneumonia CNN: kept ${chosen}, int8 is ${reason}`);
  figures.push(
    {
      name: `pneumonia CNN int8, validation AUC (kept: ${chosen}, int8 is ${reason})`,
      value: int8.score,
      unit: 'fraction',
      ratio: int8.score / fp32.score,
      yardstick: fp32.score,
    },
    {
      name: 'pneumonia CNN int8, test AUC',
      value: test.int8.auc,
      unit: 'fraction',
      ratio: test.int8.auc / test.fp32.auc,
      yardstick: test.fp32.auc,
    },
    {
      name: 'pneumonia CNN int8, test F1',
      value: test.int8.f1,
      unit: 'fraction',
      ratio: test.int8.f1 / test.fp32.f1,
      yardstick: test.fp32.f1,
    },
    {
      name: 'pneumonia CNN int8, p50 of one radiograph',
      value: int8.latencyP50Ms,
      unit: 'ms',
      ratio: int8.latencyP50Ms / fp32.latencyP50Ms,
      yardstick: fp32.latencyP50Ms,
    },
    {
      name: 'pneumonia CNN int8, size',
      value: int8.bytes,
      unit: 'bytes',
      ratio: int8.bytes / fp32.bytes,
      yardstick: fp32.bytes,
    },
  );
  for (const [name, network] of [
    ['logistic regression', logisticRegression(1)],
    ['MLP 784-64-1', multilayerPerceptron(1)],
  ] as const) {
    const { auc, f1, cpuSeconds } = await trial(network, 1);
    onProgress(`pneumonia ${name}: AUC ${auc.toFixed(4)}, F1 ${f1.toFixed(4)}, ${cpuSeconds.toFixed(0)} CPU seconds`);
    figures.push({
      name: `pneumonia ${name}, test AUC`,
      value: auc,
      unit: 'fraction',
      ratio: auc / first.auc,
      yardstick: first.auc,
    });
  }
  return figures;
}
