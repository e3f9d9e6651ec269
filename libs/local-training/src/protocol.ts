/** Messages between the edge node and its task child. Both ends are this package; structured clone carries them. */
import type { DataSource } from '@koinon/records';
import type { ScoringInput } from './evaluation.js';
import type { TrainingErrorCode } from './training-error.js';

/** One round of local training at one site. */
export interface TrainJob {
  readonly modelFile: string;
  /** Initializers to train, in the order in which `weights` concatenates them. */
  readonly trainable: readonly string[];
  readonly loss: 'bce' | 'cross-entropy' | 'mse';
  /** The value the loss is taken on; nodes behind it only serve. */
  readonly output: string;
  readonly data: DataSource;
  /** Weights the round starts from. */
  readonly weights: Float32Array;
  readonly round: number;
  readonly local: {
    readonly steps: number;
    readonly samplingRate: number;
    readonly learningRate: number;
    readonly optimizer: 'sgd';
    /** μ of FedProx's term μ/2·‖w − w₀‖², w₀ being `weights`; 0 for none. */
    readonly proximalMu: number;
  };
  /** Is added to the gradient of every step, one value per weight; null adds none. */
  readonly correction: Float32Array | null;
  readonly privacy: {
    readonly clippingNorm: number;
    /** Noise per step and coordinate has the standard deviation noiseMultiplier · `sensitivityOf(clippingNorm)`. 0 adds none. */
    readonly noiseMultiplier: number;
    /** Standard deviation of the noise on the record count that `Charged` brings. */
    readonly recordCountNoise: number;
  };
  /** Makes sampling repeatable where nothing private hangs on it: without noise, or with `insecureDeterministic`. */
  readonly seed?: number;
  /** Draws privacy noise from `seed` too. The result then has no privacy at all. */
  readonly insecureDeterministic?: boolean;
}

/** The parent's second message, once the ledger has been charged: from here on, records are looked at for training. */
export interface Charged {
  /** The site's record count as released under the ledger, ≥ 1; the exact one is never used outside sampling. */
  readonly noisedRecordCount: number;
}

export interface TrainResult {
  /** Weights after the last step, laid out as in the job. Protected by the noise, so they may leave through the secure sum. */
  readonly weights: Float32Array;
  /** Mean loss of the records the last non-empty step sampled; null when every sample was empty. Exact: stays at the site. */
  readonly loss: number | null;
  readonly steps: number;
}

/** A model to score on the test records of one site. */
export interface EvaluateJob extends ScoringInput {
  readonly modelFile: string;
}

export type Task =
  | { readonly kind: 'train'; readonly job: TrainJob }
  | { readonly kind: 'evaluate'; readonly job: EvaluateJob };

export interface TaskResults {
  readonly train: TrainResult;
  /** The model's score of each record. */
  readonly evaluate: Float32Array;
}

/** What one task may take of the machine. */
export interface TaskLimits {
  readonly memoryMb: number;
  readonly timeoutMs: number;
}

/** What a child is sent first. */
export interface Order {
  readonly task: Task;
  readonly limits: TaskLimits;
}

/**
 * `taken`: the order was read; a process that ends without a word of it has begun nothing.
 * `ready`: data, model and recipe of a training fit together and its graph runs; nothing of a record has been used yet.
 */
export type ChildReply = { readonly kind: 'taken' } | { readonly kind: 'ready' } | ChildAnswer;

export type ChildAnswer =
  | { readonly kind: 'done'; readonly result: TaskResults[keyof TaskResults] }
  | { readonly kind: 'failed'; readonly code: TrainingErrorCode; readonly message: string };
