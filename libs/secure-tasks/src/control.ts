import type { Federation } from '@koinon/contracts';
import { Quantiser } from '@koinon/he';
import { z } from 'zod';
import { roundFrame } from './round-frame.js';
import type { TaskKind } from './task-kind.js';

const ask = z.strictObject({});
const input = roundFrame.pick({ runId: true, round: true, federation: true });
type ControlInput = z.infer<typeof input>;

export interface ControlResult {
  /** Unweighted mean of the changes of the sites' control variates. */
  readonly delta: Float64Array;
  /** How many sites it is the mean of. */
  readonly sites: number;
}

/**
 * SCAFFOLD's second sum: how the sites' control variates changed in this round, unweighted.
 * Karimireddy et al. 2020, algorithm 1, https://arxiv.org/abs/1910.06378
 */
export const control = {
  ask,
  input,
  width: (_, parameters) => parameters,
  /**
   * Nothing beside what `fit` was charged: the change is an affine function of that task's noised result and of vectors that
   * the coordinator sent or that were made the same way, so it is post-processing.
   */
  charge: () => [],
  answers: ({ runId, round }) => ({ runId, round }),
  compute: ({ runId, round }, site) => Promise.resolve(site.controls.answer(runId, round)),
  decode({ federation }, sum, uploads): ControlResult {
    return {
      delta: controlQuantiser(federation)
        .dequantiseSum(sum, uploads)
        .map((value) => value / uploads),
      sites: uploads,
    };
  },
} satisfies TaskKind<z.infer<typeof ask>, ControlInput, ControlResult>;

/**
 * Option II of the algorithm: c_i⁺ − c_i = −c + (x − y_i)/(K·η_l), y_i being the noised local weights and `delta` y_i − x.
 * @param server c; null is zero
 */
export function controlChange(
  delta: Float32Array,
  server: Float32Array | null,
  { steps, learningRate }: Federation['local'],
): Float32Array {
  return delta.map((moved, i) => -(server?.[i] ?? 0) - moved / (steps * learningRate));
}

/** c − c_i, which is added to every local gradient; null where both are zero. */
export function correctionOf(server: Float32Array | null, own: Float64Array | null): Float32Array | null {
  if (!server) return own && Float32Array.from(own, (value) => -value);
  return own ? server.map((value, i) => value - own[i]!) : server;
}

/**
 * c_i after the change that was sent, not after the exact one: the server, which adds what it is sent, then keeps the exact mean
 * of the sites' control variates.
 */
export const controlAfter = (own: Float64Array | null, change: Float64Array): Float64Array =>
  change.map((value, i) => (own?.[i] ?? 0) + value);

/** An update within its range is a mean gradient within range/(K·η_l), and so is what c was made of. */
export function controlQuantiser({
  encryption: { bits, range },
  local: { steps, learningRate },
}: Federation): Quantiser {
  return Quantiser.from({ bits, range: (2 * range) / (steps * learningRate) });
}
