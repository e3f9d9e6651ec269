import type { TrainingOptions } from '@koinon/autodiff';
import type { Model } from '@koinon/onnx';
import { augment, type Augmentation } from './augment.js';
import { DatasetError, PIXELS, without, type Dataset, type Radiographs } from './dataset.js';
import { areaUnderCurve } from './metrics.js';
import type { Network } from './networks/layers.js';
import { predict } from './predict.js';
import { permutation, uniforms } from './random.js';
import { chooseThreshold } from './threshold.js';
import { TrainingSession, type Steps } from './training-session.js';

export interface Recipe {
  readonly optimizer: TrainingOptions['optimizer'];
  readonly epochs: number;
  readonly batch: number;
  /** Steps taken by one run of the training graph. */
  readonly stepsPerRun: number;
  /** Falls to zero along half a cosine (Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts). */
  readonly learningRate: number;
  /** Keeps the network from becoming certain of the training hospital's images, which the test images are unlike. */
  readonly labelSmoothing: number;
  readonly augmentation: Augmentation;
}

export const recipe: Recipe = {
  optimizer: { kind: 'adamw', weightDecay: 0.01 },
  epochs: 12,
  batch: 32,
  stepsPerRun: 16,
  learningRate: 0.004,
  labelSmoothing: 0.2,
  augmentation: { shift: 3, mirror: true },
};

export interface Trained {
  /** The serving model with trained weights. */
  readonly model: Model;
  /** Probability from which on pneumonia is called; chosen on the validation split. */
  readonly threshold: number;
  readonly validationAuc: number;
}

export interface Epoch {
  readonly epoch: number;
  readonly loss: number;
}

/**
 * Trains a network on all training radiographs in one place. The test split is not looked at; training images that
 * the validation split holds too are left out. Equal seeds give equal models on one machine.
 * @throws DatasetError when there are too few radiographs for one run
 */
export async function trainCentrally(
  network: Network,
  { train, validation }: Dataset,
  seed: number,
  onEpoch: (epoch: Epoch) => void = () => {},
  { optimizer, labelSmoothing, ...plan }: Recipe = recipe,
): Promise<Trained> {
  const own = without(train, validation);
  const uniform = uniforms(seed);
  const session = await TrainingSession.open(network, {
    optimizer,
    labelSmoothing,
    batch: plan.batch,
    localSteps: plan.stepsPerRun,
  });
  try {
    const rowsPerRun = plan.batch * plan.stepsPerRun;
    const runs = Math.floor(own.count / rowsPerRun);
    if (runs === 0)
      throw new DatasetError(
        `one run takes ${rowsPerRun} radiographs, there are ${own.count}; lower batch or stepsPerRun`,
      );
    for (let epoch = 0; epoch < plan.epochs; epoch++) {
      const order = permutation(own.count, uniform);
      let loss = 0;
      for (let run = 0; run < runs; run++) {
        const progress = (epoch + run / runs) / plan.epochs;
        const rows = order.slice(run * rowsPerRun, (run + 1) * rowsPerRun);
        const losses = await session.run(
          steps(own, rows, plan.augmentation, uniform),
          plan.learningRate * 0.5 * (1 + Math.cos(Math.PI * progress)),
        );
        loss += losses.reduce((sum, value) => sum + value, 0) / losses.length / runs;
      }
      onEpoch({ epoch: epoch + 1, loss });
    }
    const model = session.model();
    const scored = { probabilities: await predict(model, validation), labels: validation.labels };
    return { model, threshold: chooseThreshold(scored), validationAuc: areaUnderCurve(scored) };
  } finally {
    await session.release();
  }
}

function steps(
  radiographs: Radiographs,
  rows: readonly number[],
  augmentation: Augmentation,
  uniform: () => number,
): Steps {
  const images = new Float32Array(rows.length * PIXELS);
  rows.forEach((row, index) => augment(images, index * PIXELS, radiographs, row, augmentation, uniform));
  return { images, labels: Float32Array.from(rows, (row) => radiographs.labels[row]!) };
}
