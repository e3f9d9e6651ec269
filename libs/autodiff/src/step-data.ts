import type { DataType } from '@koinon/onnx';
import type { GraphWriter } from './graph-writer.js';
import type { Port, Ports, TrainingInputs } from './ports.js';

/** What one step reads besides its state; `V` is the name of a value, or what else stands for it. */
export interface StepData<V = string> {
  features: Map<string, V>;
  labels: V;
  /** Factor of each record's gradient, [batch, 1, …] in the rank of the output. */
  factor: V;
  noise?: Map<string, V>;
}

/** A value that holds the same thing for every step of a run; `dims` are those of one step. */
export interface StepValue {
  value: string;
  type: DataType;
  dims: readonly number[];
}

export function mapData<A, B>({ features, labels, factor, noise }: StepData<A>, change: (value: A) => B): StepData<B> {
  const each = (values: Map<string, A>) => new Map([...values].map(([key, value]) => [key, change(value)]));
  return {
    features: each(features),
    labels: change(labels),
    factor: change(factor),
    ...(noise && { noise: each(noise) }),
  };
}

export interface RunLayout {
  batch: number;
  /** Steps of the run; with more than one, data lie along a leading axis. */
  steps: number;
  /** Rank of the model's output. */
  rank: number;
  /** Whether gradients are to be multiplied by the learning rate. */
  scaled: boolean;
}

/** The data of a whole run, and what each record counts in the mean loss of its step, [batch] or [steps, batch]. */
export function runData(
  graph: GraphWriter,
  inputs: TrainingInputs,
  { batch, steps, rank, scaled }: RunLayout,
): { data: StepData<StepValue>; shares: string } {
  const lead = steps > 1 ? [steps] : [];
  const given = ({ name, type, dims }: Port): StepValue => ({ value: name, type, dims: dims.slice(lead.length) });
  const each = (ports: Ports) => new Map(Object.entries(ports).map(([key, port]) => [key, given(port)]));
  const { mask, clippingNorm, learningRate } = inputs;
  const shares =
    mask === undefined
      ? graph.op('Expand', [graph.float(1 / batch), graph.ints([...lead, batch])])
      : graph.op('Div', [mask.name, graph.op('Max', [graph.sum(mask.name, [lead.length], 1), graph.float(1)])]);
  const weight = clippingNorm === undefined || mask === undefined ? shares : mask.name;
  const factor = scaled && learningRate ? graph.op('Mul', [weight, learningRate.name]) : weight;
  const dims = [batch, ...Array<number>(Math.max(0, rank - 1)).fill(1)];
  const data: StepData<StepValue> = {
    features: each(inputs.features),
    labels: given(inputs.labels),
    factor: { value: rank > 1 ? graph.reshape(factor, [...lead, ...dims]) : factor, type: 'float32', dims },
    ...(inputs.noise && { noise: each(inputs.noise) }),
  };
  return { data, shares };
}
