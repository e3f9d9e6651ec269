import { AutodiffError, checkGradients, trainingGraph, type GradientCheck } from '@koinon/autodiff';
import { OnnxError, checkModel, type Model } from '@koinon/onnx';
import { table } from '../../format.js';
import { OnnxCommandError } from './command-error.js';
import { objectiveOf, type Objective } from './objective.js';

/** Largest difference from finite differences in float32 that a correct gradient shows, relative to the largest gradient. */
export const tolerance = 5e-3;

export interface GradcheckReport extends Objective {
  readonly batch: number;
  readonly tolerance: number;
  readonly parameters: readonly GradientCheck[];
  /** Weights that no gradient can be asked for, with the reason. */
  readonly skipped: readonly { readonly parameter: string; readonly code: string; readonly reason: string }[];
  readonly passed: boolean;
}

/**
 * Compares the gradient of every float32 initializer with central finite differences, on random data.
 * @throws OnnxCommandError NOTHING_TO_CHECK when none has a gradient
 */
export async function gradcheck(model: Model, batch: number): Promise<GradcheckReport> {
  const objective = objectiveOf(model);
  const options = { output: objective.logits, loss: objective.loss, batch };
  const trainable: string[] = [];
  const skipped: { parameter: string; code: string; reason: string }[] = [];
  for (const { name, type } of model.graph.initializers.values()) {
    if (type !== 'float32') continue;
    try {
      const { bytes } = await trainingGraph(model, { ...options, trainable: [name], optimizer: { kind: 'none' } });
      // a constant that is an option of its operator, such as a bound of Clip, gets no gradient: the graph then lacks a value
      checkModel(bytes);
      trainable.push(name);
    } catch (error) {
      if (!(error instanceof AutodiffError || error instanceof OnnxError)) throw error;
      skipped.push({ parameter: name, code: error.code, reason: error.message });
    }
  }
  if (trainable.length === 0) throw new OnnxCommandError('NOTHING_TO_CHECK', `no float32 initializer has a gradient${skipped[0] ? `: ${skipped[0].reason}` : ''}`);
  const parameters = await checkGradients(model, { ...options, trainable });
  // negated, so that a difference that is not a number fails
  const passed = !parameters.some(({ difference }) => !(difference <= tolerance));
  return { ...objective, batch, tolerance, parameters, skipped, passed };
}

export function gradcheckText({ parameters, skipped, passed, loss, logits, batch }: GradcheckReport): string {
  return [
    `${loss} on ${logits}, batch ${batch}\n`,
    table(['parameter', 'compared', 'max relative error', ''], parameters.map(({ parameter, compared, difference }) => [parameter, String(compared), difference.toExponential(2), difference <= tolerance ? '' : 'FAILED'])),
    ...(skipped.length > 0 ? [table(['not checked', 'why'], skipped.map(({ parameter, code, reason }) => [parameter, `${code}: ${reason}`]))] : []),
    passed ? `every gradient within ${tolerance}\n` : `a gradient differs by more than ${tolerance}\n`,
  ].join('\n');
}
