import type { Node } from '@koinon/onnx';
import { Cotangents, differentiable, scopeOf, sweep } from './backward.js';
import { clippedGradients, hasRecordRules, type ClippingPlan } from './clipping.js';
import { AutodiffError } from './errors.js';
import { inputsOf, type GraphWriter } from './graph-writer.js';
import { losses, type LossKind, type LossOptions } from './losses/index.js';
import type { Program } from './program.js';
import { keptRows, recordWeights, squaredNorms } from './record-weights.js';
import { recordValues } from './records.js';
import { sizeOf } from './shape.js';

/** Values of the surrounding graph that one batch is computed from. */
export interface BatchInputs {
  /** Feature inputs, parameters and running statistics of the model → values that stand for them. */
  bindings: ReadonlyMap<string, string>;
  labels: string;
  /** Factor of each record's gradient, [records, 1, …] in the rank of the output. */
  factor: string;
  /** Clipping norm; absent for plain gradients. */
  bound?: string;
}

export interface BatchGradients {
  /** Σ over records of factor · gradient, each record clipped first if there is a bound. */
  gradients: Map<string, string>;
  /** Loss of each record, [records]. */
  losses: string;
  norms?: string;
  /** Running statistics after the batch. */
  statistics: Map<string, string>;
}

export interface GradientProblem extends LossOptions {
  program: Program;
  trainable: ReadonlySet<string>;
  loss: LossKind;
}

/** Loss and gradients of a batch that is computed in one go. */
export function batchGradients(graph: GraphWriter, problem: GradientProblem, inputs: BatchInputs): BatchGradients {
  const program = bind(problem.program, inputs.bindings);
  const trainable = new Set([...problem.trainable].map((name) => inputs.bindings.get(name) ?? name));
  emitForward(graph, program);
  const shape = program.values.get(program.output)?.dims ?? [];
  const { each, slope } = losses[problem.loss](
    graph,
    { logits: program.output, labels: inputs.labels, shape },
    problem,
  );
  // all gradients are linear in this one, so a factor costs next to nothing here
  const seed = graph.op('Mul', [slope, inputs.factor]);
  const needs = differentiable(program, trainable);
  const named = (gradients: ReadonlyMap<string, string | undefined>) =>
    new Map(
      [...problem.trainable].map((name) => [name, reached(name, gradients.get(inputs.bindings.get(name) ?? name))]),
    );
  const common = {
    losses: inputs.bound === undefined ? each : finiteOrZero(graph, each),
    statistics: new Map([...problem.program.statistics].map(([name, value]) => [name, value])),
  };
  if (inputs.bound === undefined || program.batch === 1) {
    const cotangents = new Cotangents(graph);
    cotangents.add(program.output, seed);
    sweep(
      scopeOf(program, graph, (value) => needs.has(value)),
      program.nodes,
      cotangents,
    );
    const gradients = named(new Map([...trainable].map((name) => [name, cotangents.get(name)])));
    return { ...common, ...(inputs.bound === undefined ? { gradients } : clipOne(graph, gradients, inputs.bound)) };
  }
  const plan: ClippingPlan = { program, trainable, needs, carrying: recordValues(program, trainable) };
  const { gradients, norms } = clippedGradients(graph, plan, seed, inputs.bound);
  return { ...common, gradients: named(gradients), norms };
}

/** A parameter may feed the output only through an option of its operator, such as a bound of Clip: no gradient comes back that way. */
function reached(name: string, gradient: string | undefined): string {
  if (gradient !== undefined) return gradient;
  throw new AutodiffError(
    'AUTODIFF_TRAINABLE_UNREACHED',
    `The parameter "${name}" is only an option of its operator and has no gradient. Leave it out of the trainable ones.`,
  );
}

/** A loss is never negative, so that nothing but a number below infinity passes. */
function finiteOrZero(graph: GraphWriter, losses: string): string {
  return graph.op('Where', [graph.op('Less', [losses, graph.float(Number.POSITIVE_INFINITY)]), losses, graph.float(0)]);
}

/** A batch of one record: its gradient is what the plain sweep gives, for any operator that has a rule. */
function clipOne(
  graph: GraphWriter,
  gradients: Map<string, string>,
  bound: string,
): Pick<BatchGradients, 'gradients' | 'norms'> {
  const squares = [...gradients.values()].map((gradient) => squaredNorms(graph, graph.reshape(gradient, [1, -1])));
  const { norms, factor, kept } = recordWeights(graph, squares, bound);
  const weights = { factor: graph.reshape(factor, []), kept: graph.reshape(kept, []) };
  const clipped = (gradient: string) => keptRows(graph, graph.op('Mul', [gradient, weights.factor]), weights);
  return { gradients: new Map([...gradients].map(([name, gradient]) => [name, clipped(gradient)])), norms };
}

/** The program with some of its values replaced by others of the same shape. */
function bind(program: Program, bindings: ReadonlyMap<string, string>): Program {
  const rename = (name: string) => bindings.get(name) ?? name;
  const renameNode = (node: Node): Node => ({ ...node, inputs: node.inputs.map(rename) });
  return {
    ...program,
    features: program.features.map((feature) => ({ ...feature, name: rename(feature.name) })),
    nodes: program.nodes.map(renameNode),
    constants: new Map([...program.constants].filter(([name]) => !bindings.has(name))),
    values: new Map([...program.values].map(([name, value]) => [rename(name), value])),
  };
}

function emitForward(graph: GraphWriter, program: Program): void {
  for (const [name, tensor] of program.constants) graph.initializers.set(name, tensor);
  for (const node of program.nodes) graph.append(node);
}

/** @throws AutodiffError AUTODIFF_TRAINABLE_UNREACHED, AUTODIFF_NO_RULE, AUTODIFF_RECORDS_MIXED before anything is written */
export function clippingWorks({ program, trainable }: GradientProblem): boolean {
  const needs = differentiable(program, trainable);
  return (
    program.batch === 1 || hasRecordRules({ program, trainable, needs, carrying: recordValues(program, trainable) })
  );
}

/** @throws AutodiffError AUTODIFF_TRAINABLE_UNREACHED */
export function refuseUnreached({ program, trainable }: GradientProblem): void {
  const leads = new Set([program.output]);
  for (const node of program.nodes.toReversed()) {
    if (node.outputs.some((name) => leads.has(name))) for (const name of inputsOf(node)) leads.add(name);
  }
  for (const name of trainable) {
    if (!leads.has(name)) {
      throw new AutodiffError(
        'AUTODIFF_TRAINABLE_UNREACHED',
        `The output does not depend on the parameter "${name}". Leave it out of the trainable ones or choose a later output.`,
      );
    }
    if (sizeOf(program.values.get(name)?.dims ?? []) === 0)
      throw new AutodiffError('AUTODIFF_TRAINABLE_UNREACHED', `The parameter "${name}" is empty.`);
  }
}
