import type { LossKind } from '@koinon/autodiff';
import type { Model } from '@koinon/onnx';
import { OnnxCommandError } from './command-error.js';

/** Where a loss is taken. */
export interface Objective {
  /** The value that holds the logits, or the prediction for mse. */
  readonly logits: string;
  readonly loss: LossKind;
}

/** Losses as federation.yaml names them. */
export const lossKinds = { bce: 'binary-cross-entropy', 'cross-entropy': 'cross-entropy', mse: 'mse' } as const satisfies Record<string, LossKind>;

const squashing: Record<string, LossKind> = { Sigmoid: 'binary-cross-entropy', Softmax: 'cross-entropy' };

/**
 * What a serving graph was made for: logits are what goes into a Sigmoid or Softmax at its end, whose losses work on
 * them; any other graph predicts its first output directly.
 * @throws OnnxCommandError LOGITS_UNKNOWN
 */
export function objectiveOf({ graph }: Model, logits?: string): Objective {
  if (logits !== undefined && !graph.nodes.some(({ outputs }) => outputs.includes(logits))) {
    throw new OnnxCommandError('LOGITS_UNKNOWN', `no node gives ${JSON.stringify(logits.slice(0, 80))}; name a value of the graph with --logits`);
  }
  const last = graph.nodes.find(({ outputs }) => outputs[0] === graph.outputs[0]?.name);
  const loss = squashing[last?.op ?? ''];
  if (loss !== undefined) return { logits: logits ?? (last?.inputs[0] as string), loss };
  return { logits: logits ?? graph.outputs[0]?.name ?? '', loss: 'mse' };
}
