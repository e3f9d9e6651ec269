import type { Node } from '@koinon/onnx';
import type { GraphWriter } from './graph-writer.js';
import { inputOf, outputOf, type RecordGradient, type RecordScope, type Rule, type Scope } from './rule.js';
import { broadcastAxes, extentOf, sameShape, sizeOf } from './shape.js';

/** Sums a gradient of shape `from` over the axes along which a value of shape `to` was repeated. */
export function sumTo(graph: GraphWriter, value: string, from: readonly number[], to: readonly number[]): string {
  if (sameShape(from, to)) return value;
  if (from.length === 2 && to.length === 1 && from[1] === to[0]) return graph.sumOfRows(value, extentOf(from, 0));
  const summed = graph.sum(value, broadcastAxes(from, to), from.length === to.length ? 1 : 0);
  return from.length === to.length || isTail(from, to) ? summed : graph.reshape(summed, to);
}

// Without kept dimensions the sum already has the target's shape unless the target itself holds a 1 that was repeated.
function isTail(from: readonly number[], to: readonly number[]): boolean {
  return sameShape(from.slice(from.length - to.length), to);
}

/** As `sumTo`, but keeps the records apart: [records·r, …] → [records, size of `to`]. */
export function sumToRows(scope: RecordScope, value: string, from: readonly number[], to: readonly number[]): string {
  const { graph, records } = scope;
  const perRecord = extentOf(from, 0) / records;
  const padded = [...Array<number>(from.length - to.length).fill(1), ...to];
  const axes = padded.flatMap((extent, axis) => (axis > 0 && extent === 1 && from[axis] !== 1 ? [axis] : []));
  const rows = [records, sizeOf(to)];
  if (perRecord === 1) {
    const summed = graph.sum(value, axes);
    return sameShape(keptAxes(from, axes), rows) ? summed : graph.reshape(summed, rows);
  }
  const split = graph.reshape(value, [records, perRecord, ...from.slice(1)]);
  return graph.reshape(graph.sum(split, [1, ...axes.map((axis) => axis + 1)]), rows);
}

function keptAxes(shape: readonly number[], dropped: readonly number[]): number[] {
  return shape.filter((_, axis) => !dropped.includes(axis));
}

/**
 * Rule of an elementwise operator with numpy broadcasting. `partial` gives cotangent · ∂out/∂input in the output's
 * shape, before the sum over repeated axes.
 */
export function broadcastRule(partial: (scope: Scope, node: Node, cotangent: string, input: number) => string): Rule {
  return {
    pullback(scope, node, [cotangent]) {
      if (cotangent === undefined) return [];
      const out = scope.shape(outputOf(node));
      return node.inputs.map((name, input) =>
        scope.needs(name)
          ? sumTo(scope.graph, partial(scope, node, cotangent, input), out, scope.shape(name))
          : undefined,
      );
    },
    recordGradient(scope, node, [cotangent], input): RecordGradient {
      const full = partial(scope, node, cotangent!, input);
      return { rows: () => sumToRows(scope, full, scope.shape(outputOf(node)), scope.shape(inputOf(node, input))) };
    },
  };
}
