import type { Model } from '@koinon/onnx';
import { AutodiffError } from './errors.js';
import type { LossKind, LossOptions } from './losses/index.js';
import type { Optimizer, OptimizerOptions } from './optimizers/index.js';

export interface ClippingOptions {
  /** Records computed at once, a divisor of `batch`; by default all that `memoryLimitBytes` allows. */
  microbatch?: number;
  /** With an optimiser: a `noise` input per parameter is added to each clipped sum. Draw it from a CSPRNG. */
  noise?: boolean;
}

export interface TrainingOptions extends LossOptions {
  /** Initializers to be trained; float32, all others stay as they are. */
  trainable: readonly string[];
  /** Name of the value that holds the logits (or the prediction, for mse). Operators after it are dropped. */
  output: string;
  loss: LossKind;
  /** `none`: the graph returns gradients. Otherwise it returns updated parameters. */
  optimizer: OptimizerOptions | { kind: 'none' };
  /** Records per step; shorter batches are padded and masked. */
  batch: number;
  /** Bounds what one record contributes, for differential privacy. */
  clipping?: ClippingOptions;
  /** FedProx: adds μ·(p − anchor) to each gradient (Li et al. 2020, arXiv:1812.06127, equation 2). */
  proximal?: { mu: number };
  /** SCAFFOLD: adds (control − siteControl) to each gradient (Karimireddy et al. 2020, arXiv:1910.06378, algorithm 1). */
  scaffold?: boolean;
  /** Steps taken by one run; every data input then has a leading axis of this extent. */
  localSteps?: number;
  /** `training` normalises by the batch's own statistics and updates the running ones; it excludes masks and clipping. */
  batchNormalization?: 'frozen' | 'training';
  /** Most bytes one run may need; the batch is computed in pieces that fit. */
  memoryLimitBytes?: number;
  /** Sizes of other open dimensions, by name. */
  dims?: Readonly<Record<string, number>>;
}

/** Whether a step is −η·gradient and nothing else, so that η may be part of the gradient. */
export function isDirect({ clipping, proximal, scaffold }: TrainingOptions, optimizer: Optimizer | undefined): boolean {
  return optimizer?.linear === true && clipping === undefined && proximal === undefined && !scaffold;
}

function refuse(problem: string): never {
  throw new AutodiffError('AUTODIFF_OPTIONS', problem);
}

const isCount = (value: number) => Number.isSafeInteger(value) && value >= 1;

/** @throws AutodiffError AUTODIFF_OPTIONS, AUTODIFF_TRAINABLE_UNKNOWN */
export function checkOptions(model: Model, options: TrainingOptions): void {
  const { batch, clipping, localSteps = 1, optimizer, trainable } = options;
  if (!isCount(batch)) refuse('batch must be a whole number ≥ 1.');
  if (!isCount(localSteps)) refuse('localSteps must be a whole number ≥ 1.');
  if (trainable.length === 0 || new Set(trainable).size !== trainable.length)
    refuse('trainable must name at least one parameter, each once.');
  if (clipping?.microbatch !== undefined && (!isCount(clipping.microbatch) || batch % clipping.microbatch !== 0))
    refuse('clipping.microbatch must divide batch.');
  if (clipping !== undefined && options.batchNormalization === 'training')
    refuse(
      'Batch statistics mix records, so clipping them bounds nothing. Freeze batch normalisation or use GroupNormalization.',
    );
  if (optimizer.kind === 'none') {
    if (localSteps > 1) refuse('localSteps needs an optimiser: without one nothing changes between steps.');
    if (clipping?.noise) refuse('clipping.noise needs an optimiser; without one add the noise to the returned sums.');
    if (clipping !== undefined && (options.proximal !== undefined || options.scaffold))
      refuse('proximal and scaffold change a mean gradient; with clipping they need an optimiser.');
  }
  for (const name of trainable) {
    const tensor = model.graph.initializers.get(name);
    if (tensor === undefined)
      throw new AutodiffError(
        'AUTODIFF_TRAINABLE_UNKNOWN',
        `The model has no initializer "${name}". Trainable parameters are named as its weights are.`,
      );
    if (tensor.type !== 'float32')
      throw new AutodiffError(
        'AUTODIFF_TRAINABLE_UNKNOWN',
        `"${name}" is ${tensor.type}; only float32 parameters can be trained.`,
      );
  }
}
