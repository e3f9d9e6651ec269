import { OnnxError } from '../error.js';
import type { Model } from '../ir.js';
import type { Feeds } from '../runtime.js';
import { foldBatchNormalization } from '../transforms/fold-batch-normalization.js';
import { foldConstants } from '../transforms/fold-constants.js';
import { pruneDeadNodes } from '../transforms/prune.js';
import { calibrate } from './calibrate.js';
import type { CalibrationMethod } from './calibrate.js';
import { planQuantization } from './plan.js';
import { insertQuantization } from './rewrite.js';

/** Per-channel DequantizeLinear came with this opset. */
const firstOpset = 13;

/**
 * The model with static int8 quantisation in QDQ form: uint8 activations, int8 weights per output channel.
 * @param calibration typical inputs; a few hundred rows are enough
 * @throws OnnxError ONNX_CALIBRATION, ONNX_UNSUPPORTED_VERSION below opset 13, ONNX_RUNTIME
 */
export async function quantizeModel(model: Model, calibration: readonly Feeds[], method: CalibrationMethod = { kind: 'minmax' }): Promise<Model> {
  const opset = model.opsets.get('') ?? 0;
  if (opset < firstOpset) throw new OnnxError('ONNX_UNSUPPORTED_VERSION', 'model', `quantisation needs opset ${firstOpset} or later, found ${opset}; export it again`);
  const folded = await foldConstants({ ...model, graph: foldBatchNormalization(model.graph) });
  const plan = planQuantization(folded.graph);
  if (plan.nodes.size === 0) return folded;
  const ranges = await calibrate(folded, plan.values, calibration, method);
  for (const { result, scaleOf } of plan.nodes.values()) if (scaleOf !== undefined) ranges.set(result, ranges.get(scaleOf)!);
  return { ...folded, graph: pruneDeadNodes(insertQuantization(folded.graph, plan, ranges)) };
}
