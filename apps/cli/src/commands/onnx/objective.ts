import type { LossKind } from '@koinon/autodiff';
import { printable, type Graph, type Model, type Node } from '@koinon/onnx';
import { OnnxCommandError } from './command-error.js';

/** Where a loss is taken. */
export interface Objective {
  /** The value that holds the logits, or the prediction for mse. */
  readonly logits: string;
  readonly loss: LossKind;
}

/** Losses as federation.yaml names them. */
export const lossKinds = { bce: 'binary-cross-entropy', 'cross-entropy': 'cross-entropy', mse: 'mse' } as const satisfies Record<string, LossKind>;

/** The loss that fits what goes into a Sigmoid or Softmax, as the option names it. */
const lossBefore: Readonly<Record<string, keyof typeof lossKinds>> = { Sigmoid: 'bce', Softmax: 'cross-entropy' };

/** Operators that keep every number. */
const reshaping = new Set(['Identity', 'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze']);

const named = (name: string): string => JSON.stringify(printable(name));

export const contradiction = (problem: string): OnnxCommandError => new OnnxCommandError('LOSS_CONTRADICTS_MODEL', problem);

/**
 * Where a loss is taken: the cross-entropies work on what goes into the Sigmoid or Softmax at the end of a serving graph,
 * mse on what the graph predicts. Without a wish, the loss is the one that the end of the graph was made for.
 * @throws OnnxCommandError LOGITS_UNKNOWN, LOSS_CONTRADICTS_MODEL
 */
export function objectiveOf({ graph }: Model, wish: { readonly loss?: keyof typeof lossKinds; readonly logits?: string | undefined } = {}): Objective {
  const prediction = graph.outputs[0]?.name ?? '';
  const end = squashing(graph, prediction);
  const loss = wish.loss ?? lossBefore[end?.op ?? ''] ?? 'mse';
  const before = end?.inputs[0];
  const logits = wish.logits ?? (loss === 'mse' ? prediction : before ?? prediction);
  if (!graph.nodes.some(({ outputs }) => outputs.includes(logits))) throw new OnnxCommandError('LOGITS_UNKNOWN', `no node gives ${named(logits)}; name a value of the graph with --logits`);
  if (loss !== 'mse') refuseContradiction(graph, loss, logits, logits === before ? end : undefined);
  return { logits, loss: lossKinds[loss] };
}

function refuseContradiction(graph: Graph, loss: 'bce' | 'cross-entropy', logits: string, after: Node | undefined): void {
  const behind = squashing(graph, logits);
  const end = behind ?? after;
  if (end === undefined) return;
  const fitting = lossBefore[end.op];
  if (fitting !== loss) throw contradiction(`${loss} does not train a model that ends in a ${end.op}; use --loss ${fitting}`);
  if (behind !== undefined) throw contradiction(`${named(logits)} is what the ${end.op} gives, which ${loss} contains; use --logits ${named(end.inputs[0] ?? '')}, or --loss mse`);
}

/** The Sigmoid or Softmax whose numbers a value holds. */
function squashing({ nodes }: Graph, value: string): Node | undefined {
  let wanted = value;
  for (const node of nodes.toReversed()) {
    if (node.outputs[0] !== wanted || node.domain !== '') continue;
    if (Object.hasOwn(lossBefore, node.op)) return node;
    if (!reshaping.has(node.op)) return undefined;
    wanted = node.inputs[0] ?? '';
  }
  return undefined;
}
