import { placeOf, type DataType, type Node, type Tensor } from '@koinon/onnx';
import { AutodiffError } from './errors.js';
import type { GraphWriter } from './graph-writer.js';
import type { RecordWeights } from './record-weights.js';

/** Gradient of the loss with respect to one value; undefined where none flows. */
export type Cotangent = string | undefined;

/** What a rule knows about the graph it differentiates. */
export interface Scope {
  readonly graph: GraphWriter;
  shape(value: string): readonly number[];
  type(value: string): DataType;
  /** The tensor behind a value that is known when the graph is built. */
  constant(value: string): Tensor | undefined;
  /** Whether a gradient has to reach this value. */
  needs(value: string): boolean;
}

/** As `Scope`, with the number of records that lie one after the other along the leading axis. */
export interface RecordScope extends Scope {
  readonly records: number;
}

/**
 * Gradients of one use of a value which all records share, record by record.
 * `rows` is [records, size of the value] and always there; the other two may be cheaper ways to the same numbers.
 */
export interface RecordGradient {
  rows(): string;
  /** Σ over the value of rows² in float64, shape [records, 1]. */
  squaredNorm?(): string;
  /** Σ over records of factor · row, in the value's own shape. */
  weightedSum?(weights: RecordWeights): string;
}

export interface Rule {
  /** Cotangents of the node's inputs, in their order, from those of its outputs. */
  pullback(scope: Scope, node: Node, cotangents: readonly Cotangent[]): Cotangent[];
  /** Absent: the operator's shared inputs are differentiated with one record at a time. */
  recordGradient?(scope: RecordScope, node: Node, cotangents: readonly Cotangent[], input: number): RecordGradient;
}

export function inputOf(node: Node, index: number): string {
  return node.inputs[index] ?? '';
}

export function outputOf(node: Node, index = 0): string {
  return node.outputs[index] ?? '';
}

/** A rule of one differentiable input with one output; the other inputs are options and must not be trained. */
export function unary(pullback: (scope: Scope, node: Node, cotangent: string) => string): Rule {
  return {
    pullback: (scope, node, [cotangent]) => {
      const trained = node.inputs.slice(1).find((name) => scope.needs(name));
      if (trained !== undefined) {
        throw new AutodiffError(
          'AUTODIFF_TRAINABLE_UNREACHED',
          `${placeOf(node)}: "${trained}" is an option of the operator, through which no gradient comes back. Leave the parameters behind it out of the trainable ones.`,
        );
      }
      return cotangent !== undefined && scope.needs(inputOf(node, 0)) ? [pullback(scope, node, cotangent)] : [];
    },
  };
}
