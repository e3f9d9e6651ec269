import { composeLosses, type ComposedLosses } from './compose-losses.js';
import { gaussianEpsilon } from './gaussian.js';
import { discretise, type Direction, type LossGrid } from './loss-distribution.js';
import { bestTilt, lossCumulant, lossWindow, saddleTilt, totalCumulant } from './loss-window.js';
import { componentsOf, type Component, type Mechanism } from './mechanism.js';

/** Tilted probability that may fall outside the window on either side. */
const OUTSIDE = 2 ** -34;
/** The part of ε by which rounding to the grid may raise it. */
const PRECISION = 2e-6;
/** Below this ε the precision is absolute: a part of it. */
const COARSEST_SCALE = 0.01;
const [coarseGrid, smallestGrid, largestGrid] = [2 ** 13, 2 ** 12, 2 ** 20];

/**
 * ε(δ) of a composition from the distribution of its privacy loss, the worse of adding and removing a record.
 *
 * Composition is a convolution (Sommer, Meiser, Mohammadi 2019; Koskela, Jälkö, Honkela 2020), here of exponentially
 * tilted distributions: the tilt moves the mass to the losses near ε, so that a δ of 1e-12 keeps its digits.
 * Everything left out errs upwards: losses are rounded by "connect the dots", cut tails count as infinite loss, and
 * bounds of the wrap-around and of rounding are added to δ. Not below the exact ε, and mostly within a relative 1e-5 of it.
 */
export function epsilonByPld(mechanisms: readonly Mechanism[], delta: number): number {
  const components = componentsOf(mechanisms);
  if (components.length === 0) return 0;
  if (delta === 0 || components.some(({ sigma }) => sigma === 0)) return Infinity;
  const [only] = components;
  if (components.length === 1 && only!.rate === 1) return gaussianEpsilon(only!.sigma, delta);
  return epsilonTowards(components, 'add', delta, epsilonTowards(components, 'remove', delta, 0));
}

/** The larger of `other` and ε(δ) in this direction, found no more exactly than that takes. */
function epsilonTowards(components: readonly Component[], direction: Direction, delta: number, other: number): number {
  const bound = bestTilt(components, direction, delta);
  if (bound.epsilon <= other) return other;
  if (bound.epsilon === Infinity) return Infinity;
  // Any tilt and any grid give an upper bound: a coarse one shows where a fine one has to look.
  const coarse = epsilonOnGrid(components, direction, delta, bound.tilt, () => coarseGrid);
  const near = Math.min(bound.epsilon, coarse);
  if (near <= other) return other;
  const tilt = saddleTilt(components, direction, near);
  // Rounding adds about step²/6 to the variance of each release, and (λ + 1)/2 of the variance to ε.
  const releases = components.reduce((sum, { count }) => sum + count, 0);
  const step = Math.sqrt((12 * PRECISION * Math.max(near, COARSEST_SCALE)) / ((tilt + 1) * releases));
  const fine = epsilonOnGrid(components, direction, delta, tilt, (width) => {
    return Math.min(largestGrid, Math.max(smallestGrid, 2 ** Math.ceil(Math.log2(width / step))));
  });
  return Math.max(other, Math.min(near, fine));
}

function epsilonOnGrid(
  components: readonly Component[],
  direction: Direction,
  delta: number,
  tilt: number,
  sizeFor: (width: number) => number,
): number {
  const { low, high } = lossWindow(components, direction, tilt, OUTSIDE);
  const size = sizeFor(high - low);
  const step = (high - low) / (size - 2);
  // Cut tails are together below a billionth of δ.
  const releases = components.reduce((sum, { count }) => sum + count, 0);
  const grid: LossGrid = { step, tilt, reach: Math.sqrt(2 * Math.log((1e9 * releases) / delta)) };
  const parts = components.map((part) => ({
    losses: discretise(part.sigma, part.rate, direction, grid, lossCumulant(part, direction, tilt)),
    count: part.count,
  }));
  const composed = composeLosses(parts, Math.floor(low / step), size);
  return epsilonOfLosses(composed, grid, totalCumulant(components, direction, tilt), delta, 2 * OUTSIDE);
}

/**
 * Smallest ε ≥ 0 with δ(ε) = P(∞) + Σ_{loss > ε} p(loss)·(1 − exp(ε − loss)) + allowances ≤ δ, where the untilted
 * p(loss) = mass · exp(logScale − λ·loss). `lost` bounds the tilted probability that wrapped out of the window.
 */
export function epsilonOfLosses(
  { first, mass, infinity, roundingError }: ComposedLosses,
  { step, tilt }: Pick<LossGrid, 'step' | 'tilt'>,
  logScale: number,
  delta: number,
  lost: number,
): number {
  if (delta <= infinity) return Infinity;
  // Cauchy-Schwarz: the weights exp(−λd)(1 − exp(−d)), d = loss − ε, have this L2 norm on the grid.
  const weightNorm = Math.sqrt(1 / (step * 2 * tilt * (2 * tilt + 1) * (tilt + 1)));
  const allowance = lost + roundingError * weightNorm;
  const shrink = Math.exp(-step);
  const part = -Math.expm1(-step);
  const tiltStep = Math.exp(tilt * step);
  const logRoom = Math.log(delta - infinity) - logScale;
  // From the top down, at ε = at · step: all sums in units of exp(logScale − λ·ε), rescaled as ε falls.
  let tail = 0;
  let excess = 0;
  for (let at = first + mass.length - 1; at > 0 && at > first; at--) {
    const room = Math.exp(logRoom + tilt * at * step);
    if (allowance > room) return Infinity;
    tail += mass[at - first]!;
    const below = part * tail + shrink * excess;
    const allowanceBelow = allowance * tiltStep;
    if (below + allowanceBelow > room) {
      const gap = Math.max(0, room - excess - allowanceBelow);
      return Math.max(0, at * step + Math.log1p(-part * Math.min(1, gap / (below - excess))));
    }
    tail /= tiltStep;
    excess = below / tiltStep;
  }
  return Math.max(0, first * step);
}
