import type { OptimizationLevel, Session } from '@koinon/onnx-runtime';
import { placeOf } from './attributes.js';
import { OnnxError } from './error.js';
import type { Model } from './ir.js';
import { createSession } from './runtime.js';
import { constantNodes, evaluateConstants } from './transforms/evaluate-constants.js';

/**
 * Opens a single-threaded session on a model in memory.
 * @throws OnnxError ONNX_RUNTIME with the runtime's reason, ONNX_TOO_LARGE where optimising the model would compute constants
 * that take long
 */
export async function loadSession(model: Model, level: OptimizationLevel): Promise<Session> {
  if (level !== 'disabled') await refuseCostlyConstants(model);
  return createSession(model, level);
}

/** What is affordable is computed here once more than needed; exporters leave little or nothing of that. */
async function refuseCostlyConstants(model: Model): Promise<void> {
  const nodes = constantNodes(model.graph);
  if (nodes.every(({ op }) => op === 'Constant')) return;
  const { costly } = await evaluateConstants(model, nodes);
  if (costly)
    throw new OnnxError(
      'ONNX_TOO_LARGE',
      placeOf(costly),
      'it depends on constants alone and takes too long to compute; export the model with its constants folded',
    );
}
