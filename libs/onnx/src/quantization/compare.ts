import { encodeModel } from '../codec.js';
import type { Model, NumericData, Tensor } from '../ir.js';
import { openSession, runSession } from '../runtime.js';
import type { Feeds } from '../runtime.js';
import type { CalibrationMethod } from './calibrate.js';
import { quantizeModel } from './quantize.js';

/** What a model costs and how good it is; `score` is the caller's own, higher is better. */
export interface Measurement {
  bytes: number;
  latencyP50Ms: number;
  latencyP95Ms: number;
  score: number;
}

export interface QuantizationReport {
  chosen: 'int8' | 'fp32';
  reason: 'smaller and as good' | 'slower' | 'less accurate';
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

const warmUpRuns = 20;
const timedRuns = 200;
const fewestTimedRuns = 30;
const timeLimitMs = 10_000;

/**
 * Quantises, measures both models and keeps fp32 unless int8 is at least as fast and loses at most `tolerance`.
 * @throws OnnxError as `quantizeModel`
 */
export async function quantizeIfBetter(model: Model, trial: QuantizationTrial): Promise<{ model: Model; report: QuantizationReport }> {
  const quantized = await quantizeModel(model, trial.calibration, trial.method);
  const [fp32, int8] = await measurePair(model, quantized, trial);
  const verdict = chooseVariant(fp32, int8, trial.tolerance);
  return { model: verdict.chosen === 'int8' ? quantized : model, report: { ...verdict, fp32, int8 } };
}

/** The rule: fp32 stays where int8 is slower in the middle (p50) or loses more than `tolerance` of the score. */
export function chooseVariant(fp32: Measurement, int8: Measurement, tolerance: number): Pick<QuantizationReport, 'chosen' | 'reason'> {
  // Negated, so that a score that is not a number keeps fp32.
  if (!(int8.score >= fp32.score - tolerance)) return { chosen: 'fp32', reason: 'less accurate' };
  if (!(int8.latencyP50Ms <= fp32.latencyP50Ms)) return { chosen: 'fp32', reason: 'slower' };
  return { chosen: 'int8', reason: 'smaller and as good' };
}

/** Timed in turns, so that a busy moment of the machine hits both. */
async function measurePair(fp32: Model, int8: Model, { latencyInput, score }: QuantizationTrial): Promise<[Measurement, Measurement]> {
  const models = [fp32, int8];
  const sessions = await Promise.all(models.map((model) => openSession(model, 'all')));
  try {
    const times: number[][] = [[], []];
    const begun = performance.now();
    for (let run = 0; run < warmUpRuns + timedRuns; run++) {
      if (run >= warmUpRuns + fewestTimedRuns && performance.now() - begun > timeLimitMs) break;
      for (const [index, session] of sessions.entries()) {
        const started = performance.now();
        await runSession(session, latencyInput);
        if (run >= warmUpRuns) times[index]!.push(performance.now() - started);
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
    return measurements as [Measurement, Measurement];
  } finally {
    for (const session of sessions) await session.release();
  }
}
