import { createHash } from 'node:crypto';
import { trainingGraph, type Port, type TrainingOptions } from '@koinon/autodiff';
import { encodeModel, printable, type Model } from '@koinon/onnx';
import { size, table } from '../../format.js';
import { OnnxCommandError } from './command-error.js';
import { contradiction, objectiveOf, type lossKinds } from './objective.js';
import { checkSizes, type Dims } from './options.js';

export interface TrainGraphOptions {
  readonly trainable: readonly string[];
  readonly loss: keyof typeof lossKinds;
  readonly optimizer: 'none' | 'sgd' | 'adam' | 'adamw';
  /** Clipping norm, written into the graph. */
  readonly clip?: number;
  readonly batch: number;
  /** Records clipped at once. */
  readonly microbatch?: number;
  readonly modelOutput?: string;
  readonly dims?: Dims;
  /** Most that one step may hold, in MiB. */
  readonly memoryMb?: number;
}

export interface TrainGraphReport {
  readonly bytes: number;
  readonly sha256: string;
  readonly modelOutput: string;
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

/**
 * Builds the training graph of a model.
 * @throws AutodiffError, OnnxError, OnnxCommandError MODEL_OUTPUT_UNKNOWN, LOSS_CONTRADICTS_MODEL, DIMENSION_UNKNOWN, BATCH_TOO_LARGE, MICROBATCH_WITHOUT_CLIP
 */
export async function trainGraph(
  model: Model,
  { trainable, loss, optimizer, clip, batch, microbatch, modelOutput, dims, memoryMb }: TrainGraphOptions,
): Promise<{ bytes: Uint8Array; report: TrainGraphReport }> {
  checkSizes(model, batch, dims);
  if (microbatch !== undefined && clip === undefined)
    throw new OnnxCommandError(
      'MICROBATCH_WITHOUT_CLIP',
      '--microbatch says how records are clipped; give --clip too, or --memory-mb to bound memory',
    );
  const { modelOutput: output, loss: kind } = objectiveOf(model, {
    loss,
    ...(modelOutput !== undefined && { modelOutput }),
  });
  const options: TrainingOptions = {
    trainable,
    output,
    loss: kind,
    optimizer: { kind: optimizer },
    batch,
    ...(clip !== undefined && { clipping: microbatch === undefined ? {} : { microbatch } }),
    ...(dims && { dims }),
    ...(memoryMb !== undefined && { memoryLimitBytes: memoryMb * 2 ** 20 }),
  };
  const graph = await trainingGraph(model, options);
  if (loss === 'cross-entropy' && graph.outputDims[1] === 1)
    throw contradiction('cross-entropy of a single class is always 0; use --loss bce');
  const { clippingNorm, ...inputs } = graph.inputs;
  const bytes =
    clippingNorm === undefined || clip === undefined
      ? graph.bytes
      : encodeModel(withConstant(graph.model, clippingNorm.name, clip));
  const report = {
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    modelOutput: output,
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
  const initializers = new Map(graph.initializers).set(name, {
    name,
    type: 'float32',
    dims: [],
    data: Float32Array.of(value),
  });
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

export function trainGraphText({
  bytes,
  sha256,
  modelOutput,
  microbatch,
  memoryBytes,
  inputs,
  outputs,
}: TrainGraphReport): string {
  const rows = (ports: readonly RoledPort[]): string[][] =>
    ports.map(({ role, name, type, dims }) => [role, name, type, `[${dims.join(', ')}]`]);
  return [
    `${bytes} bytes · sha256 ${sha256}\nloss on ${printable(modelOutput)} · ${microbatch} records at once · at most ${size(memoryBytes)}\n`,
    table(['input', 'name', 'type', 'shape'], rows(inputs)),
    table(['output', 'name', 'type', 'shape'], rows(outputs)),
  ].join('\n');
}
