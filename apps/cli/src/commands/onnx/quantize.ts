import {
  attribute,
  loadSession,
  quantizeIfBetter,
  runSession,
  type CalibrationMethod,
  type Model,
  type QuantizationReport,
  type Run,
  type Tensor,
} from '@koinon/onnx';
import { table } from '../../format.js';
import { relativeAgreement, sameDecisions, type Decision } from './agreement.js';
import type { Batch } from './calibration-data.js';
import { OnnxCommandError } from './command-error.js';
import { squashingBehind } from './squashing.js';

/** Calibration sees at most this many batches; more change the ranges little and cost time. */
const MOST_CALIBRATED = 256;
const MOST_SCORED = 1024;

/** How the ranges of values are chosen from what calibration saw. */
export const methods = {
  'min-max': { kind: 'minmax' },
  percentile: { kind: 'percentile', percent: 99.9 },
  entropy: { kind: 'entropy' },
} as const satisfies Record<string, CalibrationMethod>;

export interface QuantizeOptions {
  /** How much score int8 may lose. */
  readonly tolerance: number;
  readonly method: keyof typeof methods;
}

/** Half a point, and ranges that cover all that calibration saw. */
export const defaults: QuantizeOptions = { tolerance: 0.005, method: 'min-max' };

export interface QuantizeReport extends QuantizationReport {
  readonly calibrated: number;
  readonly scored: number;
  readonly tolerance: number;
  /** What `score` means: without labels it is how far the model agrees with its fp32 form on rows calibration did not see. */
  readonly proxy: 'same decision' | '1 − relative difference';
}

/**
 * The int8 form of a model where it is worth it, otherwise the model itself. Every other batch calibrates, the rest scores.
 * @throws OnnxCommandError CALIBRATION_INVALID below two batches, OnnxError
 */
export async function quantize(
  model: Model,
  batches: readonly Batch[],
  { tolerance, method } = defaults,
): Promise<{ model: Model; report: QuantizeReport }> {
  const calibration = batches.filter((_, index) => index % 2 === 0).slice(0, MOST_CALIBRATED);
  const scored = batches.filter((_, index) => index % 2 === 1).slice(0, MOST_SCORED);
  const [latencyInput] = scored;
  if (latencyInput === undefined)
    throw new OnnxCommandError(
      'CALIBRATION_INVALID',
      'it takes at least two batches: one to calibrate on, one to compare on',
    );
  const output = model.graph.outputs[0]?.name ?? '';
  const { decision, value } = decisionOf(model, output);
  const expected = await answers(model, scored, value);
  const decides = decision !== undefined || expected.some(({ type }) => !type.includes('float'));
  const score = async (run: Run): Promise<number> => {
    const own: Tensor[] = [];
    for (const batch of scored) own.push((await run(batch))[output] as Tensor);
    return decides ? sameDecisions(own, expected, decision ?? 'each') : relativeAgreement(own, expected);
  };
  const { model: kept, report } = await quantizeIfBetter(model, {
    calibration,
    method: methods[method],
    score,
    tolerance,
    latencyInput,
  });
  return {
    model: kept,
    report: {
      ...report,
      calibrated: calibration.length,
      scored: scored.length,
      tolerance,
      proxy: decides ? 'same decision' : '1 − relative difference',
    },
  };
}

/** How an output decides, and the value with its numbers whose axes are those of the decision. */
function decisionOf({ graph, opsets }: Model, output: string): { decision?: Decision; value: string } {
  const { node, whole } = squashingBehind(graph, output) ?? {};
  if (node?.op === 'Sigmoid' && whole === true) return { decision: 'each', value: output };
  if (node?.op !== 'Softmax' || whole !== true) return { value: output };
  // before opset 13 a Softmax works on the matrix that its axis splits the shape into
  const overRest = (opsets.get('') ?? 0) < 13;
  return {
    decision: { axis: attribute(node, 'axis', 'int') ?? (overRest ? 1 : -1), overRest },
    value: node.outputs[0] ?? output,
  };
}

async function answers({ graph, ...model }: Model, batches: readonly Batch[], value: string): Promise<Tensor[]> {
  const session = await loadSession({ ...model, graph: { ...graph, outputs: [{ name: value }] } }, 'all');
  try {
    const results: Tensor[] = [];
    for (const batch of batches) results.push((await runSession(session, batch, [value]))[value] as Tensor);
    return results;
  } finally {
    await session.release();
  }
}

export function quantizeText({
  fp32,
  int8,
  quantizedNodes,
  chosen,
  reason,
  proxy,
  calibrated,
  scored,
  tolerance: allowed,
}: QuantizeReport): string {
  const changed = quantizedNodes > 0;
  const row = (name: string, { bytes, latencyP50Ms, latencyP95Ms, score }: QuantizationReport['fp32']): string[] => [
    name,
    String(bytes),
    latencyP50Ms.toFixed(3),
    latencyP95Ms.toFixed(3),
    score.toFixed(4),
  ];
  return [
    `calibrated on ${calibrated} batches, compared on ${scored} others\n`,
    table(['', 'bytes', 'p50 ms', 'p95 ms', proxy], [row('fp32', fp32), ...(changed ? [row('int8', int8)] : [])]),
    changed
      ? `kept: ${chosen} (int8 is ${reason}; it may lose ${allowed})\n`
      : `kept: ${chosen} (${reason}: no operator of the model has an int8 form)\n`,
  ].join('\n');
}
