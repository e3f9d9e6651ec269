import type { GraphWriter } from './graph-writer.js';

/** What clipping makes of each record; both [records, 1]. */
export interface RecordWeights {
  /** float32 min(1, bound/norm); 0 where the record is not kept and where it would be subnormal. */
  factor: string;
  /** Whether the gradient is a finite number; otherwise nothing of the record may enter a sum. */
  kept: string;
}

/** Smaller float32 numbers are rounded by up to their own size, and what was clipped could grow by that. */
const LEAST_NORMAL = 2 ** -126;

/** ‖row‖² of a float32 matrix in float64, in which neither it nor a product of two of them leaves the range: [records, 1]. */
export function squaredNorms(graph: GraphWriter, rows: string): string {
  const wide = graph.cast(rows, 'float64');
  // the runtime's ReduceSumSquare takes longer than these two
  return graph.sum(graph.op('Mul', [wide, wide]), [1], 1);
}

/**
 * @param squares parts of each record's squared gradient norm, float64 [records, 1]
 * @param bound clipping norm, float32 scalar > 0
 * @returns the weights, and ‖gradient‖ of each record, float32 [records]
 */
export function recordWeights(
  graph: GraphWriter,
  squares: readonly string[],
  bound: string,
): RecordWeights & { norms: string } {
  const square = squares.length === 1 ? squares[0]! : graph.op('Sum', squares);
  // false for NaN too
  const kept = graph.op('Less', [square, graph.double(Number.POSITIVE_INFINITY)]);
  const norms = graph.op('Sqrt', [square]);
  const limit = graph.cast(bound, 'float64');
  const factor = graph.op('Div', [limit, graph.op('Max', [norms, limit])]);
  return {
    kept,
    factor: graph.cast(withoutSubnormals(graph, factor), 'float32'),
    norms: graph.reshape(graph.cast(norms, 'float32'), [-1]),
  };
}

/** The rows of kept records. The others are chosen away: times 0, infinity would be NaN. */
export function keptRows(graph: GraphWriter, rows: string, { kept }: RecordWeights): string {
  return graph.op('Where', [kept, rows, graph.float(0)]);
}

/** factor · row, and 0 for a record that is not kept: its products are 0 or NaN, and `Shrink` makes 0 of both. */
export function weightedRows(graph: GraphWriter, rows: string, { factor }: RecordWeights): string {
  return withoutSubnormals(graph, graph.op('Mul', [rows, factor]));
}

function withoutSubnormals(graph: GraphWriter, value: string): string {
  return graph.op('Shrink', [value], { lambd: { float: LEAST_NORMAL }, bias: { float: 0 } });
}
