import type { GraphWriter } from './graph-writer.js';
import { extentOf, range } from './shape.js';

/**
 * Gradient of picking slices along one axis: adds slice k of `cotangent` to slice `index[k]` of zeros.
 * `cotangent` has `shape` except for its extent along `axis`, which is the length of the index vector.
 * @param index value holding int64 [count], each in [0, shape[axis])
 */
export function scatterAlong(graph: GraphWriter, cotangent: string, index: string, axis: number, shape: readonly number[], count: number): string {
  const rank = shape.length;
  const column = graph.reshape(index, [count, 1]);
  if (axis === 0) return graph.op('ScatterND', [graph.zeros(shape), column, cotangent], { reduction: 'add' });
  const front = [axis, ...range(rank).filter((other) => other !== axis)];
  const moved = graph.op('Transpose', [cotangent], { perm: front });
  const target = graph.zeros(front.map((from) => extentOf(shape, from)));
  const added = graph.op('ScatterND', [target, column, moved], { reduction: 'add' });
  return graph.op('Transpose', [added], { perm: range(rank).map((to) => front.indexOf(to)) });
}
