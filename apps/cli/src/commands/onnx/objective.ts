import type { LossKind } from '@koinon/autodiff';
import { printable, type Graph, type Model, type Node } from '@koinon/onnx';
import { OnnxCommandError } from './command-error.js';
import { squashingBehind } from './squashing.js';

/** Where a loss is taken. */
export interface Objective {
  /** The value that holds the logits, or the prediction for mse. */
  readonly modelOutput: string;
  readonly loss: LossKind;
}

/** Losses as federation.yaml names them. */
export const lossKinds = {
  bce: 'binary-cross-entropy',
  'cross-entropy': 'cross-entropy',
  mse: 'mse',
} as const satisfies Record<string, LossKind>;

/** What was asked for; without it, what the end of the graph was made for. */
export interface ObjectiveWish {
  readonly loss?: keyof typeof lossKinds;
  readonly modelOutput?: string;
}

/** The loss that fits what goes into a squashing operator, as the option names it. */
const lossBefore: Readonly<Record<string, keyof typeof lossKinds>> = {
  Sigmoid: 'bce',
  HardSigmoid: 'bce',
  Softmax: 'cross-entropy',
  LogSoftmax: 'cross-entropy',
};

const named = (name: string): string => JSON.stringify(printable(name));

export const contradiction = (problem: string): OnnxCommandError =>
  new OnnxCommandError('LOSS_CONTRADICTS_MODEL', problem);

/**
 * Where a loss is taken: the cross-entropies work on what goes into the Sigmoid or Softmax at the end of a serving graph,
 * mse on what the graph predicts. Without a wish, the loss is the one that the end of the graph was made for.
 * @throws OnnxCommandError MODEL_OUTPUT_UNKNOWN, LOSS_CONTRADICTS_MODEL
 */
export function objectiveOf({ graph }: Model, wish: ObjectiveWish = {}): Objective {
  const prediction = graph.outputs[0]?.name ?? '';
  const end = finalSquashing(graph, prediction);
  const loss = wish.loss ?? lossBefore[end?.op ?? ''] ?? 'mse';
  const before = end?.inputs[0];
  const modelOutput = wish.modelOutput ?? (loss === 'mse' ? prediction : (before ?? prediction));
  if (!graph.nodes.some(({ outputs }) => outputs.includes(modelOutput)))
    throw new OnnxCommandError(
      'MODEL_OUTPUT_UNKNOWN',
      `no node gives ${named(modelOutput)}; name a value of the graph with --model-output`,
    );
  if (loss !== 'mse') refuseContradiction(graph, loss, modelOutput, modelOutput === before ? end : undefined);
  return { modelOutput, loss: lossKinds[loss] };
}

function refuseContradiction(
  graph: Graph,
  loss: 'bce' | 'cross-entropy',
  modelOutput: string,
  after: Node | undefined,
): void {
  const behind = squashingBehind(graph, modelOutput)?.node;
  const end = behind ?? after;
  if (end === undefined) return;
  const fitting = lossBefore[end.op];
  const remedy = `--model-output ${named(end.inputs[0] ?? '')}`;
  if (fitting !== loss)
    throw contradiction(`${loss} does not train a model that ends in a ${end.op}; use --loss ${fitting} ${remedy}`);
  if (behind !== undefined)
    throw contradiction(
      `${named(modelOutput)} holds what the ${end.op} gives, which ${loss} contains; use ${remedy}, or --loss mse`,
    );
}

/** The Sigmoid or Softmax whose numbers a value holds, and nothing else: the cross-entropies contain exactly these. */
function finalSquashing(graph: Graph, value: string): Node | undefined {
  const { node, whole } = squashingBehind(graph, value) ?? {};
  return whole === true && (node?.op === 'Sigmoid' || node?.op === 'Softmax') ? node : undefined;
}
