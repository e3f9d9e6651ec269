import { normal } from './random.js';

/** A point of the simplex from the symmetric Dirichlet distribution: `count` shares that add up to 1. */
export function dirichlet(alpha: number, count: number, uniform: () => number): number[] {
  const draws = Array.from({ length: count }, () => gamma(alpha, uniform));
  const sum = draws.reduce((total, draw) => total + draw, 0);
  return draws.map((draw) => draw / sum);
}

/** Gamma(shape, 1) by Marsaglia & Tsang (2000, doi:10.1145/358407.358414); shapes below 1 by their section 6. */
export function gamma(shape: number, uniform: () => number): number {
  if (shape < 1) return gamma(shape + 1, uniform) * (1 - uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const x = normal(uniform);
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
