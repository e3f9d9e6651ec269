import { elementCount, type Model } from '@koinon/onnx';
import { Session, Tensor } from '@koinon/onnx-runtime';
import { trainingGraph, type Port, type Ports, type TrainingGraph, type TrainingOptions } from '../src/index.js';

type Values = Float32Array | BigInt64Array;

export interface RunInputs {
  features: Record<string, Values>;
  labels: Values;
  mask?: Float32Array;
  clippingNorm?: number;
  learningRate?: number;
  expectedRecords?: number;
  /** Groups keyed by parameter or state; what is missing starts as the model has it, or at zero. */
  parameters?: Record<string, Float32Array>;
  noise?: Record<string, Float32Array>;
  anchor?: Record<string, Float32Array>;
  control?: Record<string, Float32Array>;
  siteControl?: Record<string, Float32Array>;
  state?: Record<string, Float32Array>;
  statistics?: Record<string, Float32Array>;
}

export interface RunOutputs {
  loss: Float32Array;
  norms?: Float32Array;
  gradients: Record<string, Float32Array>;
  parameters: Record<string, Float32Array>;
  state: Record<string, Float32Array>;
  siteControl: Record<string, Float32Array>;
  statistics: Record<string, Float32Array>;
}

export interface Trainer {
  graph: TrainingGraph;
  run(inputs: RunInputs): Promise<RunOutputs>;
  release(): Promise<void>;
}

const tensorOf = ({ type, dims }: Port, data: Values): Tensor =>
  type === 'int64'
    ? new Tensor('int64', data as BigInt64Array, dims)
    : new Tensor('float32', data as Float32Array, dims);

/** A training graph in the runtime, fed by what its ports mean instead of by their names. */
export async function trainer(model: Model, options: TrainingOptions): Promise<Trainer> {
  const graph = await trainingGraph(model, options);
  const session = await Session.create(graph.bytes);
  const initial = (key: string, { dims }: Port) =>
    (model.graph.initializers.get(key)?.data as Float32Array | undefined) ?? new Float32Array(elementCount(dims));
  const group = (ports: Ports | undefined, given: Record<string, Values> | undefined): [string, Tensor][] =>
    Object.entries(ports ?? {}).map(([key, port]) => [port.name, tensorOf(port, given?.[key] ?? initial(key, port))]);
  const single = (port: Port | undefined, value: Values): [string, Tensor][] =>
    port === undefined ? [] : [[port.name, tensorOf(port, value)]];
  const { inputs, outputs } = graph;

  return {
    graph,
    release: () => session.release(),
    async run(given) {
      const zeros = (ports: Ports | undefined) =>
        Object.fromEntries(
          Object.entries(ports ?? {}).map(([key, { dims }]) => [key, new Float32Array(elementCount(dims))]),
        );
      const results = await session.run(
        Object.fromEntries([
          ...group(inputs.features, given.features),
          ...single(inputs.labels, given.labels),
          ...single(inputs.mask, given.mask ?? new Float32Array(elementCount(inputs.mask?.dims ?? [])).fill(1)),
          ...single(inputs.clippingNorm, Float32Array.of(given.clippingNorm ?? 1)),
          ...single(inputs.learningRate, Float32Array.of(given.learningRate ?? 0.1)),
          ...single(inputs.expectedRecords, Float32Array.of(given.expectedRecords ?? options.batch)),
          ...group(inputs.parameters, given.parameters),
          ...group(inputs.noise, given.noise ?? zeros(inputs.noise)),
          ...group(inputs.anchor, given.anchor),
          ...group(inputs.control, given.control ?? zeros(inputs.control)),
          ...group(inputs.siteControl, given.siteControl ?? zeros(inputs.siteControl)),
          ...group(inputs.state, given.state),
          ...group(inputs.statistics, given.statistics),
        ]),
      );
      const read = (port: Port) => results[port.name]!.data as Float32Array;
      const readGroup = (ports: Ports | undefined) =>
        Object.fromEntries(Object.entries(ports ?? {}).map(([key, port]) => [key, read(port)]));
      return {
        loss: read(outputs.loss),
        ...(outputs.norms && { norms: read(outputs.norms) }),
        gradients: readGroup(outputs.gradients),
        parameters: readGroup(outputs.parameters),
        state: readGroup(outputs.state),
        siteControl: readGroup(outputs.siteControl),
        statistics: readGroup(outputs.statistics),
      };
    },
  };
}

/** Largest difference as a share of the largest expected value, over all keys together. */
export function relativeDifference(
  actual: Record<string, ArrayLike<number>>,
  expected: Record<string, ArrayLike<number>>,
): number {
  let [difference, largest] = [0, 0];
  for (const [key, values] of Object.entries(expected)) {
    const own = actual[key];
    if (own?.length !== values.length) throw new Error(`${key} has ${own?.length} values instead of ${values.length}`);
    for (let index = 0; index < values.length; index++) {
      const error = Math.abs(own[index]! - values[index]!);
      difference = Math.max(difference, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
      largest = Math.max(largest, Math.abs(values[index]!));
    }
  }
  if (largest === 0) throw new Error('every expected value is zero, so the comparison shows nothing');
  return difference / largest;
}
