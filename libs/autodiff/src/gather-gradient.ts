import type { GraphWriter } from './graph-writer.js';

/**
 * Gradient of picking slices along one axis: adds slice k of `cotangent` to slice `index[k]` of zeros.
 * `cotangent` has `shape` except for its extent along `axis`, which is the length of the index vector.
 * ScatterND would take the index as it is, but with several threads ONNX Runtime lets equal indices overwrite each other.
 * @param index value holding int64 [count], each in [0, shape[axis])
 */
export function scatterAlong(
  graph: GraphWriter,
  cotangent: string,
  index: string,
  axis: number,
  shape: readonly number[],
  count: number,
): string {
  const places = graph.reshape(
    index,
    shape.map((_, other) => (other === axis ? count : 1)),
  );
  const indices = graph.op('Expand', [places, graph.ints(shape.with(axis, count))]);
  return graph.op('ScatterElements', [graph.zeros(shape), indices, cotangent], { axis, reduction: 'add' });
}
