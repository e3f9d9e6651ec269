import type { Model } from '../ir.js';
import { raiseOpset } from '../opset.js';
import type { Feeds } from '../runtime.js';
import { foldBatchNormalization } from '../transforms/fold-batch-normalization.js';
import { foldConstants } from '../transforms/fold-constants.js';
import { pruneDeadNodes } from '../transforms/prune.js';
import { calibrate } from './calibrate.js';
import type { CalibrationMethod } from './calibrate.js';
import { planQuantization } from './plan.js';
import { insertQuantization } from './rewrite.js';

/**
 * The model with static int8 quantisation in QDQ form: uint8 activations, int8 weights per output channel.
 * It is written in opset 18 or later, also where nothing can be quantised.
 * @param calibration typical inputs; a few hundred rows are enough
 * @throws OnnxError ONNX_CALIBRATION, ONNX_UNSUPPORTED_VERSION below opset 13, ONNX_RUNTIME, ONNX_TOO_LARGE for constants that
 * take long to compute
 */
export async function quantizeModel(
  model: Model,
  calibration: readonly Feeds[],
  method: CalibrationMethod = { kind: 'minmax' },
): Promise<Model> {
  return (await quantize(model, calibration, method)).model;
}

/** The same, and how many nodes got an integer form. */
export async function quantize(
  model: Model,
  calibration: readonly Feeds[],
  method: CalibrationMethod = { kind: 'minmax' },
): Promise<{ model: Model; quantizedNodes: number }> {
  const raised = raiseOpset(model);
  const folded = await foldConstants({ ...raised, graph: foldBatchNormalization(raised.graph) });
  const plan = planQuantization(folded.graph);
  if (plan.nodes.size === 0) return { model: folded, quantizedNodes: 0 };
  const ranges = await calibrate(folded, plan.values, calibration, method);
  for (const { result, scaleOf } of plan.nodes.values())
    if (scaleOf !== undefined) ranges.set(result, ranges.get(scaleOf)!);
  return {
    model: { ...folded, graph: pruneDeadNodes(insertQuantization(folded.graph, plan, ranges)) },
    quantizedNodes: plan.nodes.size,
  };
}
