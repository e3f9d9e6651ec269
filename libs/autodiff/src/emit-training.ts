import type { GradientProblem } from './batch-gradients.js';
import type { GraphWriter } from './graph-writer.js';
import { emitLocalSteps } from './local-steps.js';
import type { Optimizer } from './optimizers/index.js';
import { isDirect, type TrainingOptions } from './options.js';
import {
  declareInputs,
  shapeOf,
  stateShape,
  type Port,
  type Ports,
  type StepState,
  type TrainingInputs,
  type TrainingOutputs,
} from './ports.js';
import { mapData, runData } from './step-data.js';
import { emitStep, initialState, type StepContext } from './training-step.js';

/** Writes the whole training graph and tells what its inputs and outputs mean. */
export function emitTraining(
  graph: GraphWriter,
  problem: GradientProblem,
  options: TrainingOptions,
  optimizer: Optimizer | undefined,
): { inputs: TrainingInputs; outputs: TrainingOutputs } {
  const inputs = declareInputs(graph, problem, optimizer, options);
  const context: StepContext = { problem, options, optimizer, inputs };
  const initial = initialState(inputs, optimizer);
  const steps = options.localSteps ?? 1;
  const { data, shares } = runData(graph, inputs, {
    batch: options.batch,
    steps,
    rank: shapeOf(problem, options.output).length,
    scaled: isDirect(options, optimizer),
  });
  const result =
    steps > 1
      ? emitLocalSteps(graph, context, data, initial)
      : emitStep(
          graph,
          context,
          mapData(data, ({ value }) => value),
          initial,
        );

  const lead = steps > 1 ? [steps] : [];
  const declare = (wish: string, value: string, dims: readonly number[]): Port => ({
    name: graph.output(wish, value, 'float32', dims),
    type: 'float32',
    dims: [...dims],
  });
  const group = (prefix: string, kind: keyof StepState): Ports =>
    Object.fromEntries(
      [...result.state[kind]].map(([key, value]) => [
        key,
        declare(`${prefix}.${key}`, value, stateShape(problem, kind, key)),
      ]),
    );
  const outputs: TrainingOutputs = {
    loss: declare('loss', graph.sum(graph.op('Mul', [result.losses, shares]), [lead.length]), lead),
    ...(result.norms !== undefined && { norms: declare('norms', result.norms, [...lead, options.batch]) }),
    ...(optimizer ? { parameters: group('new', 'parameters') } : {}),
    ...(result.gradients && {
      gradients: Object.fromEntries(
        [...result.gradients].map(([name, value]) => [
          name,
          declare(`gradient.${name}`, value, shapeOf(problem, name)),
        ]),
      ),
    }),
    ...siteControls(graph, context, result.state, steps, declare),
    state: { ...group('new', 'slots'), ...group('new', 'scalars') },
    statistics: group('new', 'statistics'),
  };
  return { inputs, outputs };
}

function siteControls(
  graph: GraphWriter,
  { inputs, options, problem }: StepContext,
  state: StepState,
  steps: number,
  declare: (wish: string, value: string, dims: readonly number[]) => Port,
): Pick<TrainingOutputs, 'siteControl'> {
  const { control, siteControl, learningRate, parameters } = inputs;
  const plainSgd = options.optimizer.kind === 'sgd' && !options.optimizer.momentum;
  if (control === undefined || siteControl === undefined || learningRate === undefined || !plainSgd) return {};
  const divisor = graph.op('Mul', [learningRate.name, graph.float(steps)]);
  const next = Object.entries(parameters).map(([name, port]) => {
    const travelled = graph.op('Div', [graph.op('Sub', [port.name, state.parameters.get(name)!]), divisor]);
    const difference = graph.op('Sub', [siteControl[name]!.name, control[name]!.name]);
    return [
      name,
      declare(`new.siteControl.${name}`, graph.op('Add', [difference, travelled]), shapeOf(problem, name)),
    ] as const;
  });
  return { siteControl: Object.fromEntries(next) };
}
