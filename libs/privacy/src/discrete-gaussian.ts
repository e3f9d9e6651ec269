import type { RandomWords } from './random-words.js';

/**
 * One exact sample of the discrete Gaussian on the integers, P(y) ∝ exp(−y²/2s²), for whole 1 ≤ s ≤ 2³¹.
 *
 * With |y| = s·v + u, 0 ≤ u < s, the weight factors into exp(−v²/2) · exp(−v·u/s) · exp(−u²/2s²); each factor is a
 * coin thrown with uniform integers only, so that no rounding shapes the distribution.
 * Karney 2016 (arXiv:1303.6257), algorithm D; privacy of the result: Canonne, Kamath, Steinke 2020 (arXiv:2004.00010).
 * Its running time depends on the coins, as with any rejection sampler: do not let an adversary time single draws.
 */
export function discreteGaussian(s: number, random: RandomWords): number {
  for (;;) {
    const v = halfExponentials(random);
    if (!allHalfExponentials(v * (v - 1), random)) continue;
    const u = random.below(s);
    if (!linearCoins(v, u, s, random) || !quadraticCoin(u, s, random)) continue;
    const negative = (random.word() & 1) === 1;
    if (v === 0 && u === 0 && negative) continue;
    return negative ? -(v * s + u) : v * s + u;
  }
}

/** Successes of exp(−1/2) before the first failure: P(v) ∝ exp(−v/2). */
function halfExponentials(random: RandomWords): number {
  let v = 0;
  while (halfExponentialCoin(random)) v++;
  return v;
}

function allHalfExponentials(count: number, random: RandomWords): boolean {
  for (let i = 0; i < count; i++) if (!halfExponentialCoin(random)) return false;
  return true;
}

function linearCoins(count: number, u: number, s: number, random: RandomWords): boolean {
  for (let i = 0; i < count; i++) if (!linearCoin(u, s, random)) return false;
  return true;
}

// The three coins below are von Neumann's: with draws of probability γ/1, γ/2, γ/3, … until one fails,
// the number of the failing draw is odd with probability exp(−γ).

/** True with probability exp(−1/2). */
function halfExponentialCoin(random: RandomWords): boolean {
  let k = 1;
  while (random.below(2 * k) === 0) k++;
  return k % 2 === 1;
}

/** True with probability exp(−u/s). */
function linearCoin(u: number, s: number, random: RandomWords): boolean {
  let k = 1;
  while (random.below(s) < u && (k === 1 || random.below(k) === 0)) k++;
  return k % 2 === 1;
}

/** True with probability exp(−u²/2s²). */
function quadraticCoin(u: number, s: number, random: RandomWords): boolean {
  let k = 1;
  while (random.below(2 * k) === 0 && random.below(s) < u && random.below(s) < u) k++;
  return k % 2 === 1;
}
