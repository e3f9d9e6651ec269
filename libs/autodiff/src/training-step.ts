import type { GradientProblem } from './batch-gradients.js';
import type { GraphWriter } from './graph-writer.js';
import { accumulatedGradients } from './microbatches.js';
import type { Optimizer } from './optimizers/index.js';
import { isDirect, type TrainingOptions } from './options.js';
import { namesOf, type StepState, type TrainingInputs } from './ports.js';
import type { StepData } from './step-data.js';

export interface StepResult {
  state: StepState;
  /** By parameter; absent when an optimiser has used them. */
  gradients?: Map<string, string>;
  /** Loss of each record before the step, [batch]. */
  losses: string;
  norms?: string;
}

/** What is the same for every step of a run. */
export interface StepContext {
  problem: GradientProblem;
  options: TrainingOptions;
  optimizer: Optimizer | undefined;
  inputs: TrainingInputs;
}

/** One step: gradients of the batch, what the federation adds to them, and the optimiser. */
export function emitStep(graph: GraphWriter, context: StepContext, data: StepData, state: StepState): StepResult {
  const { problem, options, optimizer, inputs } = context;
  const bound = inputs.clippingNorm?.name;
  const computed = accumulatedGradients(
    graph,
    problem,
    {
      bindings: new Map([...data.features, ...state.parameters, ...state.statistics]),
      labels: data.labels,
      factor: data.factor,
      ...(bound !== undefined && { bound }),
    },
    options.batch,
  );
  const result = { losses: computed.losses, ...(computed.norms !== undefined && { norms: computed.norms }) };
  const statistics = computed.statistics;
  if (optimizer === undefined) {
    const gradients = new Map(
      [...computed.gradients].map(([name, gradient]) => [name, federated(graph, context, name, state, gradient)]),
    );
    return { ...result, gradients, state: { ...state, statistics } };
  }
  if (isDirect(options, optimizer)) {
    const parameters = new Map(
      [...computed.gradients].map(([name, gradient]) => [
        name,
        graph.subtractGradient(state.parameters.get(name)!, gradient),
      ]),
    );
    return { ...result, state: { ...state, parameters, statistics } };
  }
  const gradients = new Map(
    [...computed.gradients].map(([name, gradient]) => [
      name,
      federated(graph, context, name, state, meanOf(graph, context, data, name, gradient)),
    ]),
  );
  return { ...result, state: { ...applyOptimizer(graph, context, optimizer, state, gradients), statistics } };
}

/** (Σ clipped + noise) / expected number of records (Abadi et al. 2016, arXiv:1607.00133, algorithm 1). */
function meanOf(graph: GraphWriter, { inputs }: StepContext, data: StepData, name: string, gradient: string): string {
  if (inputs.expectedRecords === undefined) return gradient;
  const noise = data.noise?.get(name);
  const sum = noise === undefined ? gradient : graph.op('Add', [gradient, noise]);
  return graph.op('Div', [sum, inputs.expectedRecords.name]);
}

function federated(
  graph: GraphWriter,
  { options, inputs }: StepContext,
  name: string,
  state: StepState,
  gradient: string,
): string {
  let result = gradient;
  const anchor = inputs.anchor?.[name];
  if (anchor !== undefined && options.proximal !== undefined) {
    const drift = graph.op('Sub', [state.parameters.get(name) ?? name, anchor.name]);
    result = graph.op('Add', [result, graph.op('Mul', [drift, graph.float(options.proximal.mu)])]);
  }
  const [control, siteControl] = [inputs.control?.[name], inputs.siteControl?.[name]];
  if (control !== undefined && siteControl !== undefined)
    result = graph.op('Add', [result, graph.op('Sub', [control.name, siteControl.name])]);
  return result;
}

function applyOptimizer(
  graph: GraphWriter,
  { inputs }: StepContext,
  optimizer: Optimizer,
  state: StepState,
  gradients: Map<string, string>,
): StepState {
  const scalars = optimizer.advance(
    graph,
    optimizer.scalars.map((scalar) => state.scalars.get(scalar)!),
  );
  const next: StepState = {
    parameters: new Map(),
    slots: new Map(),
    scalars: new Map(optimizer.scalars.map((scalar, index) => [scalar, scalars[index]!])),
    statistics: new Map(),
  };
  for (const [name, gradient] of gradients) {
    const updated = optimizer.update(graph, {
      parameter: state.parameters.get(name)!,
      gradient,
      learningRate: inputs.learningRate!.name,
      slots: optimizer.slots.map((slot) => state.slots.get(`${slot}.${name}`)!),
      scalars,
    });
    next.parameters.set(name, updated.parameter);
    optimizer.slots.forEach((slot, index) => next.slots.set(`${slot}.${name}`, updated.slots[index]!));
  }
  return next;
}

/** The state the graph is fed with. */
export function initialState(inputs: TrainingInputs, optimizer: Optimizer | undefined): StepState {
  const state = namesOf(inputs.state);
  const scalars = optimizer?.scalars ?? [];
  return {
    parameters: namesOf(inputs.parameters),
    slots: new Map([...state].filter(([key]) => !scalars.includes(key))),
    scalars: new Map([...state].filter(([key]) => scalars.includes(key))),
    statistics: namesOf(inputs.statistics),
  };
}
