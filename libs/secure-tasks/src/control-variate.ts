import type { Federation } from '@koinon/contracts';

/**
 * Option II of SCAFFOLD: c_i⁺ − c_i = −c + (x − y_i)/(K·η_l), y_i being the noised local weights and `delta` y_i − x.
 * Affine in the update: of the mean update of some sites it gives the mean change of theirs, so that nothing beside the
 * update leaves a site. Karimireddy et al. 2020, algorithm 1, https://arxiv.org/abs/1910.06378
 * @param server c as the sites were told it; null is zero
 */
export function controlChange(
  delta: Float64Array,
  server: Float32Array | null,
  { steps, learningRate }: Pick<Federation['local'], 'steps' | 'learningRate'>,
): Float64Array {
  return delta.map((moved, i) => -(server?.[i] ?? 0) - moved / (steps * learningRate));
}

/** c − c_i, which is added to every local gradient; null where both are zero. */
export function correctionOf(server: Float32Array | null, own: Float64Array | null): Float32Array | null {
  if (!server) return own && Float32Array.from(own, (value) => -value);
  return own ? server.map((value, i) => value - own[i]!) : server;
}

export const controlAfter = (own: Float64Array | null, change: Float64Array): Float64Array =>
  change.map((value, i) => (own?.[i] ?? 0) + value);
