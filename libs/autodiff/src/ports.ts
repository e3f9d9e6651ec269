import type { DataType } from '@koinon/onnx';
import type { GradientProblem } from './batch-gradients.js';
import type { GraphWriter } from './graph-writer.js';
import type { Optimizer } from './optimizers/index.js';
import type { TrainingOptions } from './options.js';

/** One input or output of the training graph. */
export interface Port {
  name: string;
  type: DataType;
  dims: number[];
}

export type Ports = Record<string, Port>;

export interface TrainingInputs {
  /** Keyed by the model's own input names. */
  features: Ports;
  /** int64 [batch] for cross-entropy, otherwise float32 in the shape of the output. */
  labels: Port;
  /** float32 [batch], 1 for a record and 0 for padding. Padding must be finite numbers; absent with batch statistics. */
  mask?: Port;
  /** Keyed by parameter, as are noise, anchor, control and siteControl. */
  parameters: Ports;
  /** float32 scalar > 0, with clipping. */
  clippingNorm?: Port;
  /** float32 scalar, with an optimiser. */
  learningRate?: Port;
  /** float32 scalar by which a clipped sum is divided, with clipping and an optimiser: the expected batch, not the drawn one. */
  expectedRecords?: Port;
  noise?: Ports;
  anchor?: Ports;
  control?: Ports;
  siteControl?: Ports;
  /** The optimiser's state, zeros at first; pass each output back under the same key. */
  state: Ports;
  /** Running statistics of batch normalisation, keyed by initializer. */
  statistics: Ports;
}

export interface TrainingOutputs {
  /** Mean loss over the mask before the step, scalar, or [localSteps]. */
  loss: Port;
  /** Norm of each record's gradient before clipping, [batch] or [localSteps, batch]; 0 where masked, not finite where left out. */
  norms?: Port;
  /** Without an optimiser: the mean gradient, or with clipping the SUM of clipped gradients. */
  gradients?: Ports;
  /** With an optimiser. */
  parameters?: Ports;
  /** SCAFFOLD's cᵢ⁺ = cᵢ − c + (p₀ − p)/(K·η), option II of the paper; with SGD without momentum only. */
  siteControl?: Ports;
  state: Ports;
  statistics: Ports;
}

/** What changes from step to step; each map goes from its key to the value that holds it. */
export interface StepState {
  parameters: Map<string, string>;
  /** Keyed `slot.parameter`. */
  slots: Map<string, string>;
  scalars: Map<string, string>;
  statistics: Map<string, string>;
}

export const stateGroups = ['parameters', 'slots', 'scalars', 'statistics'] as const;

export function shapeOf(problem: GradientProblem, value: string): number[] {
  return problem.program.values.get(value)?.dims ?? [];
}

export function stateShape(problem: GradientProblem, group: (typeof stateGroups)[number], key: string): number[] {
  if (group === 'scalars') return [];
  return shapeOf(problem, group === 'slots' ? key.slice(key.indexOf('.') + 1) : key);
}

export function namesOf(ports: Ports): Map<string, string> {
  return new Map(Object.entries(ports).map(([key, port]) => [key, port.name]));
}

/** Declares every input the options ask for. */
export function declareInputs(
  graph: GraphWriter,
  problem: GradientProblem,
  optimizer: Optimizer | undefined,
  options: TrainingOptions,
): TrainingInputs {
  const { program, trainable } = problem;
  const steps = (options.localSteps ?? 1) > 1 ? [options.localSteps!] : [];
  const declare = (wish: string, dims: readonly number[], type: DataType = 'float32'): Port => ({
    name: graph.input(wish, type, dims),
    type,
    dims: [...dims],
  });
  const kept = (name: string, dims: readonly number[], type: DataType = 'float32'): Port => ({
    name: graph.inputNamed(name, type, dims),
    type,
    dims: [...dims],
  });
  const perParameter = (prefix: string, lead: readonly number[] = []): Ports =>
    Object.fromEntries(
      [...trainable].map((name) => [name, declare(`${prefix}.${name}`, [...lead, ...shapeOf(problem, name)])]),
    );
  const data = (name: string) => [...steps, options.batch, ...shapeOf(problem, name).slice(1)];
  const clipped = options.clipping !== undefined;
  return {
    features: Object.fromEntries(program.features.map(({ name, type }) => [name, kept(name, data(name), type)])),
    labels:
      options.loss === 'cross-entropy'
        ? declare('labels', [...steps, options.batch], 'int64')
        : declare('labels', data(program.output)),
    ...(program.statistics.size === 0 && { mask: declare('mask', [...steps, options.batch]) }),
    parameters: Object.fromEntries([...trainable].map((name) => [name, kept(name, shapeOf(problem, name))])),
    ...(clipped && { clippingNorm: declare('clippingNorm', []) }),
    ...(optimizer && { learningRate: declare('learningRate', []) }),
    ...(clipped && optimizer && { expectedRecords: declare('expectedRecords', []) }),
    ...(options.clipping?.noise && { noise: perParameter('noise', steps) }),
    ...(options.proximal && { anchor: perParameter('anchor') }),
    ...(options.scaffold && { control: perParameter('control'), siteControl: perParameter('siteControl') }),
    state: Object.fromEntries([
      ...[...trainable].flatMap((name) =>
        (optimizer?.slots ?? []).map(
          (slot) => [`${slot}.${name}`, declare(`${slot}.${name}`, shapeOf(problem, name))] as const,
        ),
      ),
      ...(optimizer?.scalars ?? []).map((scalar) => [scalar, declare(scalar, [])] as const),
    ]),
    statistics: Object.fromEntries(
      [...program.statistics.keys()].map((name) => [name, kept(name, shapeOf(problem, name))]),
    ),
  };
}
