import { GraphBuilder, attr, elementCount, type Model } from '@koinon/onnx';
import { randomSource, uniform } from '../src/random.js';

/** A small model whose parameters are used in one particular way. */
export interface RecordModel {
  name: string;
  /** Shape of one record of the input `x`. */
  record: number[];
  /** Parameters by name with their shapes. */
  parameters: Record<string, number[]>;
  /** Range of the parameters. */
  range?: [number, number];
  /** The input holds whole numbers from 0 to this instead of numbers from −1 to 1. */
  indices?: number;
  opset?: number;
  /** Elements `build` makes of one record. */
  width: number;
  build(graph: GraphBuilder, x: string): string;
}

/** The model with a fixed random projection of its features to three logits, so that every element matters differently. */
export function modelOf(
  { name, record, parameters, range = [-1, 1], indices, opset = 20, width, build }: RecordModel,
  logitScale = 1,
): Model {
  const random = randomSource(7);
  const graph = new GraphBuilder(name);
  const x = graph.input('x', indices === undefined ? 'float32' : 'int64', ['batch', ...record]);
  for (const [key, dims] of Object.entries(parameters))
    graph.initializer(key, 'float32', dims, uniform(random, elementCount(dims), ...range));
  const features = graph.op('Flatten', [build(graph, x)], { axis: attr.int(1) });
  graph.op(
    'MatMul',
    [
      features,
      graph.initializer('projection', 'float32', [width, 3], uniform(random, width * 3, -logitScale, logitScale)),
    ],
    {},
    'logits',
  );
  graph.output('logits');
  return graph.model({ opset });
}

export interface Batch {
  features: Record<string, Float32Array | BigInt64Array>;
  labels: BigInt64Array;
}

export function batchOf({ record, indices }: RecordModel, records: number, seed = 3): Batch {
  const random = randomSource(seed);
  const values = uniform(random, records * elementCount(record));
  const x =
    indices === undefined
      ? values
      : BigInt64Array.from(values, (value) => BigInt(Math.floor(((value + 1) / 2) * indices)));
  return { features: { x }, labels: BigInt64Array.from({ length: records }, () => BigInt(Math.floor(random() * 3))) };
}

/** Record `index` of a batch, as a batch of one. */
export function recordOf(batch: Batch, records: number, index: number): Batch {
  const slice = <T extends Float32Array | BigInt64Array>(values: T): T => {
    const size = values.length / records;
    return values.slice(index * size, (index + 1) * size) as T;
  };
  return {
    features: Object.fromEntries(Object.entries(batch.features).map(([key, values]) => [key, slice(values)])),
    labels: slice(batch.labels),
  };
}
