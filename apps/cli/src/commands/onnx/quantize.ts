import { openSession, quantizeIfBetter, runSession, type Model, type QuantizationReport, type Run, type Tensor } from '@koinon/onnx';
import { table } from '../../format.js';
import type { Batch } from './calibration-data.js';
import { OnnxCommandError } from './command-error.js';

/** Calibration sees at most this many batches; more change the ranges little and cost time. */
const mostCalibrated = 256;
const mostScored = 1024;
/** Half a point. */
const tolerance = 0.005;

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
export async function quantize(model: Model, batches: readonly Batch[]): Promise<{ model: Model; report: QuantizeReport }> {
  const calibration = batches.filter((_, index) => index % 2 === 0).slice(0, mostCalibrated);
  const scored = batches.filter((_, index) => index % 2 === 1).slice(0, mostScored);
  const [latencyInput] = scored;
  if (latencyInput === undefined) throw new OnnxCommandError('CALIBRATION_INVALID', 'it takes at least two batches: one to calibrate on, one to compare on');
  const output = model.graph.outputs[0]?.name ?? '';
  const expected = await answers(model, scored, output);
  const decides = model.graph.nodes.some(({ op, outputs }) => outputs[0] === output && (op === 'Sigmoid' || op === 'Softmax'));
  const compare = decides ? sameDecisions : relativeAgreement;
  const score = async (run: Run): Promise<number> => {
    const own: Tensor[] = [];
    for (const batch of scored) own.push((await run(batch))[output] as Tensor);
    return compare(own, expected);
  };
  const { model: kept, report } = await quantizeIfBetter(model, { calibration, score, tolerance, latencyInput });
  return { model: kept, report: { ...report, calibrated: calibration.length, scored: scored.length, tolerance, proxy: decides ? 'same decision' : '1 − relative difference' } };
}

async function answers(model: Model, batches: readonly Batch[], output: string): Promise<Tensor[]> {
  const session = await openSession(model, 'all');
  try {
    const results: Tensor[] = [];
    for (const batch of batches) results.push((await runSession(session, batch, [output]))[output] as Tensor);
    return results;
  } finally {
    await session.release();
  }
}

/** Share of rows decided alike: by the largest class, or by one half where there is one probability. */
function sameDecisions(own: readonly Tensor[], expected: readonly Tensor[]): number {
  const decisions = (tensors: readonly Tensor[]): number[] => tensors.flatMap(({ data, dims }) => {
    const classes = dims.at(-1) ?? 1;
    const values = Array.from(data as Float32Array);
    return Array.from({ length: values.length / classes }, (_, row) => {
      const scores = values.slice(row * classes, (row + 1) * classes);
      return classes === 1 ? Number((scores[0] as number) >= 0.5) : scores.indexOf(Math.max(...scores));
    });
  });
  const wanted = decisions(expected);
  return decisions(own).filter((decision, row) => decision === wanted[row]).length / wanted.length;
}

/** 1 − ‖own − expected‖ / ‖expected‖. */
function relativeAgreement(own: readonly Tensor[], expected: readonly Tensor[]): number {
  const flat = (tensors: readonly Tensor[]): number[] => tensors.flatMap(({ data }) => Array.from(data as Float32Array));
  const wanted = flat(expected);
  const difference = flat(own).map((value, index) => value - (wanted[index] as number));
  return 1 - Math.hypot(...difference) / Math.hypot(...wanted);
}

export function quantizeText({ fp32, int8, chosen, reason, proxy, calibrated, scored, tolerance: allowed }: QuantizeReport): string {
  const row = (name: string, { bytes, latencyP50Ms, latencyP95Ms, score }: QuantizationReport['fp32']): string[] =>
    [name, String(bytes), latencyP50Ms.toFixed(3), latencyP95Ms.toFixed(3), score.toFixed(4)];
  return [
    `calibrated on ${calibrated} batches, compared on ${scored} others\n`,
    table(['', 'bytes', 'p50 ms', 'p95 ms', proxy], [row('fp32', fp32), row('int8', int8)]),
    `kept: ${chosen} (int8 is ${reason}; it may lose ${allowed})\n`,
  ].join('\n');
}
