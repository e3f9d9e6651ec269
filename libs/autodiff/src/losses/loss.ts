import { AutodiffError } from '../errors.js';
import type { GraphWriter } from '../graph-writer.js';
import { range, sizeOf } from '../shape.js';

export type LossKind = 'cross-entropy' | 'binary-cross-entropy' | 'mse';

export interface LossOptions {
  /** cross-entropy: one weight per class; binary-cross-entropy: [of label 0, of label 1]. */
  classWeights?: readonly number[];
  /** Share of the label mass spread evenly over the classes, in [0, 1). */
  labelSmoothing?: number;
}

/** A batch of logits with what is known about each record. */
export interface LossInputs {
  logits: string;
  labels: string;
  /** Extents of the logits, records first. */
  shape: readonly number[];
}

export interface LossTerms {
  /** Loss of each record, [records]. */
  each: string;
  /** ∂(loss of its record)/∂logits, in their shape. */
  slope: string;
}

export type Loss = (graph: GraphWriter, inputs: LossInputs, options: LossOptions) => LossTerms;

/** Mean over all axes but the records'. */
export function recordMeans(graph: GraphWriter, value: string, shape: readonly number[]): string {
  return sizeOf(shape) === shape[0] ? graph.reshape(value, [-1]) : graph.mean(value, range(shape.length - 1, 1));
}

export function smoothingOf({ labelSmoothing = 0 }: LossOptions): number {
  if (labelSmoothing >= 0 && labelSmoothing < 1) return labelSmoothing;
  throw new AutodiffError('AUTODIFF_OPTIONS', 'labelSmoothing must lie in [0, 1).');
}

export function weightsOf({ classWeights }: LossOptions, classes: number): readonly number[] | undefined {
  if (classWeights === undefined) return undefined;
  if (classWeights.length === classes && classWeights.every((weight) => weight >= 0 && Number.isFinite(weight)))
    return classWeights;
  throw new AutodiffError('AUTODIFF_OPTIONS', `classWeights must be ${classes} finite numbers ≥ 0, one per class.`);
}
