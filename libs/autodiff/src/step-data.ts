import type { DataType } from '@koinon/onnx';
import type { GraphWriter } from './graph-writer.js';
import type { Port, Ports, TrainingInputs } from './ports.js';

/** What one step reads besides its state; `V` is the name of a value, or what else stands for it. */
export interface StepData<V = string> {
  features: Map<string, V>;
  labels: V;
  /** Factor of each record's loss and gradient, [batch]: the mask, divided by the records it leaves unless they are clipped. */
  weight: V;
  /** Records the mask leaves, at least 1, scalar; with clipping only. */
  count?: V;
  noise?: Map<string, V>;
}

/** A value that holds the same thing for every step of a run; `dims` are those of one step. */
export interface StepValue {
  value: string;
  type: DataType;
  dims: readonly number[];
}

export function mapData<A, B>({ features, labels, weight, count, noise }: StepData<A>, change: (value: A) => B): StepData<B> {
  const each = (values: Map<string, A>) => new Map([...values].map(([key, value]) => [key, change(value)]));
  return {
    features: each(features),
    labels: change(labels),
    weight: change(weight),
    ...(count !== undefined && { count: change(count) }),
    ...(noise && { noise: each(noise) }),
  };
}

/** The data of a whole run: with more than one step they lie along a leading axis. */
export function runData(graph: GraphWriter, inputs: TrainingInputs, batch: number, steps: number): StepData<StepValue> {
  const lead = steps > 1 ? [steps] : [];
  const given = ({ name, type, dims }: Port): StepValue => ({ value: name, type, dims: dims.slice(lead.length) });
  const each = (ports: Ports) => new Map(Object.entries(ports).map(([key, port]) => [key, given(port)]));
  const float = (value: string, dims: readonly number[]): StepValue => ({ value, type: 'float32', dims });
  const { mask, clippingNorm } = inputs;
  const common = { features: each(inputs.features), labels: given(inputs.labels), ...(inputs.noise && { noise: each(inputs.noise) }) };
  if (mask === undefined) return { ...common, weight: float(graph.op('Expand', [graph.float(1 / batch), graph.ints([...lead, batch])]), [batch]) };
  const count = graph.op('Max', [graph.sum(mask.name, [lead.length]), graph.float(1)]);
  if (clippingNorm !== undefined) return { ...common, weight: given(mask), count: float(count, []) };
  return { ...common, weight: float(graph.op('Div', [mask.name, steps > 1 ? graph.reshape(count, [steps, 1]) : count]), [batch]) };
}
