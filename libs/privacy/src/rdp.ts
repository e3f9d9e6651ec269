import { requireParameter } from './errors.js';
import { logMoment } from './likelihood-moment.js';
import { componentsOf, type Component, type Mechanism } from './mechanism.js';

/** 1.1 to 10.9 by tenths, 11 to 63, then powers of two: fine where the optimum of training usually lies. */
export const rdpOrders: readonly number[] = [
  ...Array.from({ length: 99 }, (_, i) => 1 + (i + 1) / 10),
  ...Array.from({ length: 53 }, (_, i) => 11 + i),
  128,
  256,
  512,
  1024,
];

/**
 * Rényi divergence of `order` ≥ 1 (1 only without sampling) of the composition under adding or removing a record.
 * Whole orders are exact; others are within 1e-9, and above the exact value where σ is tiny.
 */
export function rdpOf(mechanisms: readonly Mechanism[], order: number): number {
  requireParameter(order >= 1, 'an RDP order must be ≥ 1');
  return rdpOfComponents(componentsOf(mechanisms), order);
}

/**
 * ε(δ) from the RDP of a composition, minimised over `orders`.
 * Conversion: Canonne, Kamath, Steinke 2020 (arXiv:2004.00010), proposition 12.
 */
export function epsilonByRdp(
  mechanisms: readonly Mechanism[],
  delta: number,
  orders: readonly number[] = rdpOrders,
): number {
  const components = componentsOf(mechanisms);
  return epsilonFromRdp(
    orders.map((order) => [order, rdpOfComponents(components, order)] as const),
    delta,
  );
}

/** The smallest ε over pairs [order > 1, Rényi divergence] at `delta`. */
export function epsilonFromRdp(curve: Iterable<readonly [order: number, rdp: number]>, delta: number): number {
  let best = Infinity;
  for (const [order, rdp] of curve) {
    // Divergence 0 means equal distributions, which the conversion by itself would not see.
    const epsilon = rdp === 0 ? 0 : rdp + Math.log1p(-1 / order) - (Math.log(delta) + Math.log(order)) / (order - 1);
    best = Math.min(best, Math.max(0, epsilon));
  }
  return best;
}

function rdpOfComponents(components: readonly Component[], order: number): number {
  let sum = 0;
  for (const { sigma, rate, count } of components) sum += count * divergence(sigma, rate, order);
  return sum;
}

function divergence(sigma: number, rate: number, order: number): number {
  if (sigma === 0 || order === Infinity) return Infinity;
  if (rate === 1) return order / (2 * sigma * sigma);
  requireParameter(order > 1, 'with sampling an RDP order must be > 1');
  return logMoment(sigma, rate, order) / (order - 1);
}
