import { createHash } from 'node:crypto';
import { trainingGraph, type Port, type TrainingOptions } from '@koinon/autodiff';
import { encodeModel, type Model } from '@koinon/onnx';
import { table } from '../../format.js';
import { lossKinds, objectiveOf } from './objective.js';

export interface TrainGraphOptions {
  readonly trainable: readonly string[];
  readonly loss: keyof typeof lossKinds;
  readonly optimizer: 'none' | 'sgd' | 'adam' | 'adamw';
  /** Clipping norm, written into the graph. */
  readonly clip?: number;
  readonly batch: number;
  readonly logits?: string;
}

export interface TrainGraphReport {
  readonly bytes: number;
  readonly sha256: string;
  readonly logits: string;
  readonly microbatch: number;
  /** Upper estimate of what one run holds. */
  readonly memoryBytes: number;
  readonly inputs: readonly RoledPort[];
  readonly outputs: readonly RoledPort[];
}

interface RoledPort extends Port {
  /** What it means: features, labels, mask, parameter … and of which input or parameter. */
  readonly role: string;
}

/** Builds the training graph of a model. @throws AutodiffError, OnnxCommandError LOGITS_UNKNOWN */
export async function trainGraph(model: Model, { trainable, loss, optimizer, clip, batch, logits }: TrainGraphOptions): Promise<{ bytes: Uint8Array; report: TrainGraphReport }> {
  const output = objectiveOf(model, logits).logits;
  const options: TrainingOptions = { trainable, output, loss: lossKinds[loss], optimizer: { kind: optimizer }, batch, ...(clip !== undefined && { clipping: {} }) };
  const graph = await trainingGraph(model, options);
  const { clippingNorm, ...inputs } = graph.inputs;
  const bytes = clippingNorm === undefined || clip === undefined ? graph.bytes : encodeModel(withConstant(graph.model, clippingNorm.name, clip));
  const report = {
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    logits: output,
    microbatch: graph.microbatch,
    memoryBytes: graph.memoryBytes,
    inputs: roled({ ...inputs }),
    outputs: roled({ ...graph.outputs }),
  };
  return { bytes, report };
}

/** A scalar input with its value fixed. */
function withConstant(model: Model, name: string, value: number): Model {
  const { graph } = model;
  const initializers = new Map(graph.initializers).set(name, { name, type: 'float32', dims: [], data: Float32Array.of(value) });
  return { ...model, graph: { ...graph, inputs: graph.inputs.filter((input) => input.name !== name), initializers } };
}

type PortGroups = Readonly<Record<string, Port | Readonly<Record<string, Port>> | undefined>>;

function roled(groups: PortGroups): RoledPort[] {
  return Object.entries(groups).flatMap(([role, value]) => {
    if (isPort(value)) return [{ role, ...value }];
    return Object.entries(value ?? {}).map(([key, port]) => ({ role: `${role} ${key}`, ...port }));
  });
}

const isPort = (value: PortGroups[string]): value is Port => value !== undefined && Array.isArray(value['dims']);

export function trainGraphText({ bytes, sha256, logits, microbatch, memoryBytes, inputs, outputs }: TrainGraphReport): string {
  const rows = (ports: readonly RoledPort[]): string[][] => ports.map(({ role, name, type, dims }) => [role, name, type, `[${dims.join(', ')}]`]);
  return [
    `${bytes} bytes · sha256 ${sha256}\nloss on ${logits} · ${microbatch} records at once · at most ${(memoryBytes / 2 ** 20).toFixed(1)} MiB\n`,
    table(['input', 'name', 'type', 'shape'], rows(inputs)),
    table(['output', 'name', 'type', 'shape'], rows(outputs)),
  ].join('\n');
}
