import { fourierTransform, type ComplexVector } from './fourier.js';
import type { LossDistribution } from './loss-distribution.js';

/** Equal releases to compose. */
export interface LossPower {
  readonly losses: LossDistribution;
  readonly count: number;
}

/** The tilted distribution of a sum of independent losses, and what its computation may have lost. */
export interface ComposedLosses {
  /** Grid index of `mass[0]`. */
  readonly first: number;
  readonly mass: Float64Array;
  /** Untilted probability of an infinite loss. */
  readonly infinity: number;
  /** Upper bound of the L2 norm of the rounding error in `mass`. */
  readonly roundingError: number;
}

/**
 * Sum of `count` independent losses of every part, modulo `size` grid points (a power of two) starting at `first`.
 * What lies outside that window wraps around into it; the caller bounds how much that can be.
 */
export function composeLosses(parts: readonly LossPower[], first: number, size: number): ComposedLosses {
  const product: ComplexVector = { re: new Float64Array(size).fill(1), im: new Float64Array(size) };
  let logFinite = 0;
  let total = 0;
  for (const { losses, count } of parts) {
    const factor: ComplexVector = { re: new Float64Array(size), im: new Float64Array(size) };
    losses.mass.forEach((mass, i) => {
      const index = modulo(losses.first + i, size);
      factor.re[index] = factor.re[index]! + mass;
    });
    fourierTransform(factor);
    multiplyByPower(product, factor, count);
    logFinite += count * Math.log1p(-losses.infinity);
    total += count;
  }
  fourierTransform(product, true);
  const mass = new Float64Array(size);
  let norm = 0;
  for (let i = 0; i < size; i++) {
    mass[i] = Math.max(0, product.re[modulo(first + i, size)]!);
    norm += mass[i]! ** 2;
  }
  // One transform rounds O(log size) times, and a power multiplies relative errors by its exponent.
  const roundings = 4 * (total + 1) * Math.log2(size);
  return { first, mass, infinity: -Math.expm1(logFinite), roundingError: roundings * Number.EPSILON * Math.sqrt(norm) };
}

function multiplyByPower(product: ComplexVector, factor: ComplexVector, exponent: number): void {
  const { re, im } = product;
  const size = re.length;
  for (let i = 0; i <= size / 2; i++) {
    const radius = Math.sqrt(factor.re[i]! ** 2 + factor.im[i]! ** 2) ** exponent;
    const angle = Math.atan2(factor.im[i]!, factor.re[i]!) * exponent;
    const pr = radius * Math.cos(angle);
    const pi = radius * Math.sin(angle);
    const old = re[i]!;
    re[i] = old * pr - im[i]! * pi;
    im[i] = old * pi + im[i]! * pr;
    // The transform of real masses is conjugate symmetric.
    const mirror = (size - i) % size;
    re[mirror] = re[i]!;
    im[mirror] = mirror === i ? im[i]! : -im[i]!;
  }
}

function modulo(index: number, size: number): number {
  return ((index % size) + size) % size;
}
