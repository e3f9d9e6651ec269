import type { Tensor } from './datatypes.js';
import type { Slot } from './model-spec.js';
import type { RunLimits } from './session-pool.js';

export interface InferOptions extends RunLimits {
  /** Names of the outputs to compute; all by default. */
  readonly outputs?: readonly string[];
}

export interface Inference {
  /** The version that answered. */
  readonly version: string;
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly queueMs: number;
  readonly computeMs: number;
}

/** What serving needs of a runtime. */
export interface InferenceRuntime {
  /** The version that answers for a model now, if any. */
  slot(model: string): Slot | undefined;
  /** True when another request would be refused with QUEUE_FULL. */
  readonly full: boolean;
  /** False once a thread has been lost; the process should then be restarted. */
  readonly healthy: boolean;
  infer(
    model: string,
    version: string | undefined,
    inputs: Readonly<Record<string, Tensor>>,
    options?: InferOptions,
  ): Promise<Inference>;
}
