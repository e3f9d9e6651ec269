import { normalUpperTail } from './normal.js';

/** `remove`: the record is in the data the output came from; `add`: only in the other data set. */
export type Direction = 'remove' | 'add';

/** Where and how losses are put on a grid. */
export interface LossGrid {
  /** Distance of two losses. */
  readonly step: number;
  /** λ ≥ 0: masses are stored times exp(λ · loss − logScale), which keeps the digits of the tail that decides. */
  readonly tilt: number;
  /** Standard deviations of noise beyond which an output counts as infinite loss. */
  readonly reach: number;
}

/** Distribution of one release's privacy loss on the grid: `mass[i]` (tilted) at loss (first + i) · step. */
export interface LossDistribution {
  readonly first: number;
  readonly mass: Float64Array;
  /** Untilted probability counted as infinite loss. */
  readonly infinity: number;
}

/** Gauss-Legendre on [−1, 1]: three nodes for narrow cells, eight for wide panels. */
const narrow = {
  nodes: [-0.7745966692414834, 0, 0.7745966692414834],
  weights: [5 / 9, 8 / 9, 5 / 9],
};
const wide = mirrored(
  [0.1834346424956498, 0.525532409916329, 0.7966664774136267, 0.9602898564975363],
  [0.362683783378362, 0.3137066458778873, 0.2223810344533745, 0.10122853629037626],
);

function mirrored(nodes: number[], weights: number[]) {
  return { nodes: [...nodes, ...nodes.map((node) => -node)], weights: [...weights, ...weights] };
}

/**
 * The privacy loss of one Poisson-sampled Gaussian release, rounded to the grid so that no δ(ε) shrinks: the outputs
 * with a loss between two grid points are split between these so that both data sets keep their probability. At grid
 * points δ(ε) stays exact and between them it is the chord ("connect the dots", Doroshenko, Ghazi, Kamath, Kumar,
 * Manurangsi 2022, arXiv:2207.04380). Outputs lower than `reach` round up, higher ones become infinite.
 */
export function discretise(
  sigma: number,
  rate: number,
  direction: Direction,
  { step, tilt, reach }: LossGrid,
  logScale: number,
): LossDistribution {
  const removing = direction === 'remove';
  const lowest = -reach * sigma;
  const highest = reach * sigma + (removing ? 1 : 0);
  const from = Math.floor(logRatio(sigma, rate, lowest) / step);
  const to = Math.floor(logRatio(sigma, rate, highest) / step);
  const mass = new Float64Array(to - from + 2);
  // The index of log-ratio k · step; in the direction of addition the loss is its negative.
  const at = (k: number) => (removing ? k - from : to + 1 - k);
  const wholeStep = Math.expm1(-step);
  const logDensity = -Math.log(sigma * Math.sqrt(2 * Math.PI)) - logScale;

  let left = lowest;
  for (let k = from; k <= to; k++) {
    const right = k === to ? highest : Math.min(highest, Math.max(left, outputAt(sigma, rate, (k + 1) * step)));
    const slope = Math.max(2 / sigma, 2 / (sigma * sigma), (Math.max(-left, right) + 1) / (2 * sigma * sigma));
    const extent = (right - left) * slope;
    const panels = Math.ceil(extent);
    const { nodes, weights } = extent < 0.15 ? narrow : wide;
    const half = panels > 0 ? (right - left) / (2 * panels) : 0;
    const low = removing ? k : -k - 1;
    const lowTilt = logDensity + tilt * low * step;
    let lowMass = 0;
    let highMass = 0;
    for (let panel = 0; panel < panels; panel++) {
      for (let node = 0; node < nodes.length; node++) {
        const x = left + half * (2 * panel + 1 + nodes[node]!);
        const ratio = logRatio(sigma, rate, x);
        const above = Math.min(step, Math.max(0, (removing ? ratio : -ratio) - low * step));
        const log = lowTilt - (x * x) / (2 * sigma * sigma) + (removing ? ratio : 0);
        const weight = half * weights[node]! * Math.exp(log);
        const share = Math.expm1(-above) / wholeStep;
        lowMass += weight * (1 - share);
        highMass += weight * share;
      }
    }
    const [lowAt, highAt] = removing ? [at(k), at(k + 1)] : [at(k + 1), at(k)];
    mass[lowAt] = mass[lowAt]! + lowMass;
    mass[highAt] = mass[highAt]! + highMass * Math.exp(tilt * step);
    left = right;
  }
  const first = removing ? from : -to - 1;
  const belowTail = removing ? mixtureTail(sigma, rate, -lowest, 1) : normalUpperTail(highest / sigma);
  const infinity = removing ? mixtureTail(sigma, rate, highest, -1) : normalUpperTail(-lowest / sigma);
  mass[1] = mass[1]! + belowTail * Math.exp(tilt * (first + 1) * step - logScale);
  return { first, mass, infinity };
}

/** P(x beyond `distance` from 0 on the side away from `shift`) under (1 − q)·N(0, σ²) + q·N(1, σ²). */
function mixtureTail(sigma: number, rate: number, distance: number, shift: number): number {
  return (1 - rate) * normalUpperTail(distance / sigma) + rate * normalUpperTail((distance + shift) / sigma);
}

/** log L(x) of the sampled to the plain Gaussian, increasing in the output x. */
export function logRatio(sigma: number, rate: number, x: number): number {
  const t = (2 * x - 1) / (2 * sigma * sigma);
  return t > 30 ? t + Math.log(rate + (1 - rate) * Math.exp(-t)) : Math.log1p(rate * Math.expm1(t));
}

/** The output x at which `logRatio` takes a value; −∞ below its range. */
function outputAt(sigma: number, rate: number, value: number): number {
  const t =
    value > 30
      ? value + Math.log1p(-(1 - rate) * Math.exp(-value)) - Math.log(rate)
      : Math.log1p(Math.max(-1, Math.expm1(value) / rate));
  return sigma * sigma * t + 0.5;
}
