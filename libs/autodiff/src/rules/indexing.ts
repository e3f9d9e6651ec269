import { dataTypeCode, type Node } from '@koinon/onnx';
import { intOf, stringOf } from '../attributes.js';
import { unsupported } from '../errors.js';
import { scatterAlong } from '../gather-gradient.js';
import { integerOperand } from '../operands.js';
import { inputOf, outputOf, unary, type RecordScope, type Rule, type Scope } from '../rule.js';
import { extentOf, positiveAxis, range, sizeOf } from '../shape.js';

/** Indices as a flat vector of non-negative int64. */
function flatIndices({ graph }: Scope, indices: string, count: number, extent: number): string {
  const flat = graph.op('Cast', [graph.reshape(indices, [count])], { to: dataTypeCode('int64') });
  const wrapped = graph.op('Add', [flat, graph.ints([extent])]);
  return graph.op('Where', [graph.op('Less', [flat, graph.ints([0])]), wrapped, flat]);
}

const gather: Rule = {
  pullback: unary((scope, node, cotangent) => {
    const shape = scope.shape(inputOf(node, 0));
    const axis = positiveAxis(intOf(node, 'axis', 0), shape.length);
    const count = sizeOf(scope.shape(inputOf(node, 1)));
    const index = flatIndices(scope, inputOf(node, 1), count, extentOf(shape, axis));
    const flat = scope.graph.reshape(cotangent, [...shape.slice(0, axis), count, ...shape.slice(axis + 1)]);
    return scatterAlong(scope.graph, flat, index, axis, shape, count);
  }).pullback,
  // an embedding table: record i adds to its own copy of the table, at row i·vocabulary + index
  recordGradient: (scope, node, [cotangent]) => ({ rows: () => tableRows(scope, node, cotangent!) }),
};

function tableRows(scope: RecordScope, node: Node, cotangent: string): string {
  const { graph, records } = scope;
  const shape = scope.shape(inputOf(node, 0));
  const vocabulary = extentOf(shape, 0);
  const count = sizeOf(scope.shape(inputOf(node, 1)));
  const offsets = graph.ints(range(count).map((position) => Math.floor(position / (count / records)) * vocabulary));
  const index = graph.op('Add', [flatIndices(scope, inputOf(node, 1), count, vocabulary), offsets]);
  const updates = graph.reshape(cotangent, [count, ...shape.slice(1)]);
  const tables = scatterAlong(graph, updates, index, 0, [records * vocabulary, ...shape.slice(1)], count);
  return graph.reshape(tables, [records, sizeOf(shape)]);
}

interface SlicedAxis {
  axis: number;
  /** Positions of the input which the slice keeps, in output order. */
  kept: number[];
}

function slicedAxes(scope: Scope, node: Node): SlicedAxis[] {
  const shape = scope.shape(inputOf(node, 0));
  const starts = integerOperand(scope, node, 1) ?? [];
  const axes = integerOperand(scope, node, 3) ?? range(starts.length);
  const steps = integerOperand(scope, node, 4) ?? starts.map(() => 1);
  return starts.map((start, position) => {
    const axis = positiveAxis(axes[position] ?? 0, shape.length);
    const extent = extentOf(shape, axis);
    const step = steps[position] ?? 1;
    const wrapped = start < 0 ? start + extent : start;
    const first = step > 0 ? Math.max(wrapped, 0) : Math.min(Math.max(wrapped, 0), extent - 1);
    return { axis, kept: range(extentOf(scope.shape(outputOf(node)), axis)).map((index) => first + index * step) };
  });
}

const slice = unary((scope, node, cotangent) => {
  const { graph } = scope;
  const shape = scope.shape(inputOf(node, 0));
  const current = [...scope.shape(outputOf(node))];
  const before = shape.map(() => 0);
  const after = shape.map(() => 0);
  let gradient = cotangent;
  for (const { axis, kept } of slicedAxes(scope, node)) {
    const extent = extentOf(shape, axis);
    const first = kept[0] ?? 0;
    if (kept.length < 2 || kept[1] === first + 1) {
      before[axis] = first;
      after[axis] = extent - first - kept.length;
    } else {
      current[axis] = extent;
      gradient = scatterAlong(graph, gradient, graph.ints(kept), axis, current, kept.length);
    }
  }
  if ([...before, ...after].every((amount) => amount === 0)) return gradient;
  return graph.op('Pad', [gradient, graph.ints([...before, ...after]), graph.float(0)]);
});

/** Padding per axis as [before, after]. */
function padding(scope: Scope, node: Node): [number, number][] {
  const rank = scope.shape(inputOf(node, 0)).length;
  const amounts = integerOperand(scope, node, 1) ?? [];
  const axes = (integerOperand(scope, node, 3) ?? range(rank)).map((axis) => positiveAxis(axis, rank));
  const pairs: [number, number][] = range(rank).map(() => [0, 0]);
  axes.forEach((axis, position) => {
    pairs[axis] = [amounts[position] ?? 0, amounts[position + axes.length] ?? 0];
  });
  return pairs;
}

/** Positions of the input which the padded axis repeats, in its order; negative amounts cut off first. */
function paddedSources(mode: string, extent: number, [before, after]: readonly [number, number]): number[] {
  const cut = Math.max(-before, 0);
  const left = extent - cut - Math.max(-after, 0);
  return range(extent + before + after, -Math.max(before, 0)).map(
    (position) => cut + paddedSource(mode, position, left),
  );
}

/** Position in 0 … extent − 1 that `position` outside of it repeats. */
function paddedSource(mode: string, position: number, extent: number): number {
  if (mode === 'edge') return Math.min(Math.max(position, 0), extent - 1);
  if (mode === 'wrap') return ((position % extent) + extent) % extent;
  const period = Math.max(2 * (extent - 1), 1);
  const folded = ((position % period) + period) % period;
  return folded < extent ? folded : period - folded;
}

const pad = unary((scope, node, cotangent) => {
  const { graph } = scope;
  const mode = stringOf(node, 'mode', 'constant');
  const shape = scope.shape(inputOf(node, 0));
  const pairs = padding(scope, node);
  if (mode === 'constant') {
    const undo = [...pairs.map(([before]) => -before), ...pairs.map(([, after]) => -after)];
    return graph.op('Pad', [cotangent, graph.ints(undo), graph.float(0)]);
  }
  if (!['edge', 'wrap', 'reflect'].includes(mode))
    throw unsupported(node, `no gradient for mode ${mode}`, 'Use constant, edge, reflect or wrap');
  const current = [...scope.shape(outputOf(node))];
  return pairs.reduce((gradient, [before, after], axis) => {
    if (before === 0 && after === 0) return gradient;
    const extent = extentOf(shape, axis);
    const sources = paddedSources(mode, extent, [before, after]);
    current[axis] = extent;
    return scatterAlong(graph, gradient, graph.ints(sources), axis, current, sources.length);
  }, cotangent);
});

/** Operators that pick or surround elements; what was not picked has gradient 0. */
export const indexingRules: Record<string, Rule> = { Gather: gather, Slice: slice, Pad: pad };
