import { encodeModel } from '../codec.js';
import type { Model, NumericData, Tensor } from '../ir.js';
import { loadSession } from '../load-session.js';
import { runSession } from '../runtime.js';
import type { Feeds } from '../runtime.js';
import type { CalibrationMethod } from './calibrate.js';
import { quantize } from './quantize.js';

/** What a model costs and how good it is; `score` is the caller's own, higher is better. */
export interface Measurement {
  bytes: number;
  latencyP50Ms: number;
  latencyP95Ms: number;
  score: number;
}

export interface QuantizationReport {
  chosen: 'int8' | 'fp32';
  /** `nothing to quantise`: the model has no operator with an integer form, so `int8` repeats `fp32`. */
  reason: 'smaller and as good' | 'slower' | 'less accurate' | 'nothing to quantise';
  /** Nodes that run on integers in the int8 form. */
  quantizedNodes: number;
  fp32: Measurement;
  int8: Measurement;
}

/** Runs one model on one input. */
export type Run = (feeds: Feeds) => Promise<Record<string, Tensor<NumericData>>>;

export interface QuantizationTrial {
  calibration: readonly Feeds[];
  method?: CalibrationMethod;
  /** Scores a model on data that calibration did not see, for example accuracy or AUC. */
  score: (run: Run) => Promise<number>;
  /** How much score may be lost, in the unit of `score`. */
  tolerance: number;
  /** The input to time, usually one row. */
  latencyInput: Feeds;
}

const WARM_UP_RUNS = 20;
const TIMED_RUNS = 200;
const FEWEST_TIMED_RUNS = 30;
const TIME_LIMIT_MS = 10_000;

/**
 * Quantises, measures both models and keeps fp32 unless int8 is at least as fast and loses at most `tolerance`.
 * @throws OnnxError as `quantizeModel`
 */
export async function quantizeIfBetter(
  model: Model,
  trial: QuantizationTrial,
): Promise<{ model: Model; report: QuantizationReport }> {
  const { model: quantized, quantizedNodes } = await quantize(model, trial.calibration, trial.method);
  if (quantizedNodes === 0) {
    const [fp32] = await measure([model], trial);
    return { model, report: { chosen: 'fp32', reason: 'nothing to quantise', quantizedNodes, fp32, int8: fp32 } };
  }
  const [fp32, int8] = await measure([model, quantized], trial);
  const verdict = chooseVariant(fp32, int8, trial.tolerance);
  return { model: verdict.chosen === 'int8' ? quantized : model, report: { ...verdict, quantizedNodes, fp32, int8 } };
}

/** The rule: fp32 stays where int8 is slower in the middle (p50) or loses more than `tolerance` of the score. */
export function chooseVariant(
  fp32: Measurement,
  int8: Measurement,
  tolerance: number,
): Pick<QuantizationReport, 'chosen' | 'reason'> {
  // Negated, so that a score that is not a number keeps fp32.
  if (!(int8.score >= fp32.score - tolerance)) return { chosen: 'fp32', reason: 'less accurate' };
  if (!(int8.latencyP50Ms <= fp32.latencyP50Ms)) return { chosen: 'fp32', reason: 'slower' };
  return { chosen: 'int8', reason: 'smaller and as good' };
}

/** Timed in turns, so that a busy moment of the machine hits all. */
async function measure<const Models extends readonly Model[]>(
  models: Models,
  { latencyInput, score }: QuantizationTrial,
): Promise<{ [Each in keyof Models]: Measurement }> {
  const sessions = await Promise.all(models.map((model) => loadSession(model, 'all')));
  try {
    const times = models.map((): number[] => []);
    const begun = performance.now();
    for (let run = 0; run < WARM_UP_RUNS + TIMED_RUNS; run++) {
      if (run >= WARM_UP_RUNS + FEWEST_TIMED_RUNS && performance.now() - begun > TIME_LIMIT_MS) break;
      for (const [index, session] of sessions.entries()) {
        const started = performance.now();
        await runSession(session, latencyInput);
        if (run >= WARM_UP_RUNS) times[index]!.push(performance.now() - started);
      }
    }
    const measurements: Measurement[] = [];
    for (const [index, session] of sessions.entries()) {
      const sorted = times[index]!.sort((left, right) => left - right);
      measurements.push({
        bytes: encodeModel(models[index]!).length,
        latencyP50Ms: sorted[Math.floor(sorted.length * 0.5)]!,
        latencyP95Ms: sorted[Math.floor(sorted.length * 0.95)]!,
        score: await score((feeds) => runSession(session, feeds)),
      });
    }
    return measurements as { [Each in keyof Models]: Measurement };
  } finally {
    for (const session of sessions) await session.release();
  }
}
