/**
 * Numbers from outside that a guarantee rests on, each with the range in which it holds. The federation file, the
 * assignments of the coordinator and the site's own check of a job read this one table.
 */
import { z } from 'zod';

/** The longest that anybody is told to wait, a day. From 2³¹ ms on a timer of Node fires after one. */
export const LONGEST_WAIT_MS = 86_400_000;

export const ranges = {
  /** Far inside what float32 holds, so that no gradient of this size is rounded away or overflows in a sum. */
  clippingNorm: z.number().min(0.01).max(1000),
  learningRate: z.number().gt(0).max(10),
  /** μ of FedProx's term. */
  proximalMu: z.number().min(0).max(1000),
  /** Of one round; a run multiplies them by its rounds. */
  steps: z.int().min(1).max(100),
  rounds: z.int().min(1).max(1000),
  /** The accountants are checked against independent values from 1e-6 on. */
  samplingRate: z.number().min(1e-6).max(1),
  epsilon: z.number().gt(0).max(20),
  /** The least is far below one over any number of records. */
  delta: z.number().min(1e-12).max(0.1),
  /** Standard deviation of the noise of a step, in sensitivities; 0 is no noise. */
  noiseMultiplier: z.union([z.literal(0), z.number().min(1e-3).max(1e6)]),
  /** Standard deviation of the noise on a record count; 0 is no noise. With less the accountant's time grows without bound, with more the count says nothing. */
  recordCountNoise: z.union([z.literal(0), z.number().min(0.3).max(100)]),
  maxRecords: z.int().min(1).max(1e6),
  /** Bound on the change of a weight that is sent. */
  updateRange: z.number().min(1e-3).max(1000),
} as const;

/** Whether a number lies in its range; no NaN and no infinity does. */
export function inRange(name: keyof typeof ranges, value: number): boolean {
  return ranges[name].safeParse(value).success;
}
