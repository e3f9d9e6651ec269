import { logMoment } from './likelihood-moment.js';
import type { Direction } from './loss-distribution.js';
import type { Component } from './mechanism.js';

/** Cumulant generating function log E[exp(λ · loss)] of one release in one direction. */
export function lossCumulant({ sigma, rate }: Component, direction: Direction, tilt: number): number {
  return logMoment(sigma, rate, direction === 'remove' ? 1 + tilt : -tilt);
}

/** The same of the whole composition. */
export function totalCumulant(components: readonly Component[], direction: Direction, tilt: number): number {
  return components.reduce((sum, part) => sum + part.count * lossCumulant(part, direction, tilt), 0);
}

/** How far λ may go before a moment needs too many nodes of quadrature. */
function largestTilt(components: readonly Component[]): number {
  return components.reduce((limit, { sigma, rate }) => {
    return rate === 1 ? limit : Math.min(limit, 2e4 * Math.min(sigma, sigma * sigma));
  }, 1e3);
}

export interface TiltedBound {
  readonly tilt: number;
  /** Upper bound of ε(δ) in this direction. */
  readonly epsilon: number;
}

/** The λ = α − 1 whose Rényi divergence bounds ε(δ) best in this direction, on a geometric grid. */
export function bestTilt(components: readonly Component[], direction: Direction, delta: number): TiltedBound {
  const limit = largestTilt(components);
  let best: TiltedBound = { tilt: 0, epsilon: Infinity };
  for (let tilt = Math.min(1e-4, limit); tilt <= limit; tilt *= 1.15) {
    const divergence = totalCumulant(components, direction, tilt) / tilt;
    // Divergences grow with the order, and the rest of the bound is never below −1.
    if (divergence - 1 > best.epsilon) break;
    const epsilon = divergence - Math.log1p(1 / tilt) - (Math.log(delta) + Math.log1p(tilt)) / tilt;
    if (epsilon < best.epsilon) best = { tilt, epsilon };
  }
  return best;
}

/** The λ whose tilt centres the composition on `epsilon`: the saddle point, where Chernoff's bound is least. */
export function saddleTilt(components: readonly Component[], direction: Direction, epsilon: number): number {
  const limit = largestTilt(components);
  let best = Math.min(1e-4, limit);
  let least = Infinity;
  for (let tilt = best; tilt <= limit; tilt *= 1.15) {
    const exponent = totalCumulant(components, direction, tilt) - tilt * epsilon;
    if (exponent >= least) break;
    [best, least] = [tilt, exponent];
  }
  return best;
}

export interface LossWindow {
  readonly low: number;
  readonly high: number;
  /** Standard deviation of the tilted total loss. */
  readonly deviation: number;
}

/** An interval that holds the tilted total loss but for `outside` on either side, by Chernoff's bound. */
export function lossWindow(
  components: readonly Component[],
  direction: Direction,
  tilt: number,
  outside: number,
): LossWindow {
  const cumulant = (at: number) => totalCumulant(components, direction, at);
  const here = cumulant(tilt);
  const nudge = tilt / 50;
  const curvature = (cumulant(tilt + nudge) - 2 * here + cumulant(tilt - nudge)) / nudge ** 2;
  const deviation = Math.sqrt(Math.max(curvature, 1e-24));
  const excess = -Math.log(outside);
  let low = -Infinity;
  let high = Infinity;
  const limit = largestTilt(components);
  for (let shift = Math.min(limit, 14 / deviation), i = 0; i < 16; i++, shift /= 1.6) {
    high = Math.min(high, (cumulant(tilt + shift) - here + excess) / shift);
    low = Math.max(low, (here - cumulant(tilt - shift) - excess) / shift);
  }
  return { low, high, deviation };
}
