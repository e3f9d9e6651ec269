import { requireParameter } from './errors.js';
import { logRatio } from './loss-distribution.js';

/** Nodes above which the quadrature gives way to the convexity bound. */
const MAX_NODES = 400_000;

/**
 * log E[L(x)^a] for x ~ N(0, σ²), where L(x) = 1 − q + q·exp((2x − 1)/2σ²) is the likelihood ratio of the
 * Poisson-sampled Gaussian to the plain one. With a = α it is (α − 1) times the Rényi divergence of order α of the
 * removal direction, the larger of the two (Mironov, Talwar, Zhang 2019, arXiv:1908.10530, section 3); with a = −λ it
 * is the cumulant generating function of the loss in the direction of addition.
 *
 * Whole a ≥ 0 is the exact binomial sum. Any other a is a trapezoidal sum, which converges geometrically here because
 * the integrand is analytic in a strip of half-width πσ². Both sum L^a − 1 − a(L − 1) instead of L^a, of equal
 * expectation as E[L] = 1: all terms have one sign, so that moments within 1e-9 of 1 keep their digits.
 * When σ is too small for that many nodes, the value is a chord between whole orders, an upper bound by convexity.
 */
export function logMoment(sigma: number, rate: number, a: number): number {
  requireParameter(Number.isFinite(a), 'the order of a moment must be finite');
  if (rate === 1) return (a * (a - 1)) / (2 * sigma * sigma);
  if (rate === 0 || a === 0 || a === 1) return 0;
  if (Number.isInteger(a) && a > 0) return wholeMoment(sigma, rate, a);
  const step = stepOf(sigma);
  if ((Math.abs(a) + 26 * sigma) / step <= MAX_NODES) return quadrature(sigma, rate, a, step);
  requireParameter(a > 0, 'noiseMultiplier is too small to account for; add noise or release less');
  const below = Math.floor(a);
  const low = logMoment(sigma, rate, below);
  return low + (a - below) * (logMoment(sigma, rate, below + 1) - low);
}

// e^(−2π·πσ²/h) and e^(−2π²σ²/h²), the distances to the branch points and the Gaussian's own limit, are < 1e-15.
function stepOf(sigma: number): number {
  return Math.min(sigma, sigma * sigma) / 2;
}

function wholeMoment(sigma: number, rate: number, order: number): number {
  const logRate = Math.log(rate);
  const logRest = Math.log1p(-rate);
  const logs = new Float64Array(order + 1).fill(-Infinity);
  let logBinomial = Math.log(order);
  for (let k = 2; k <= order; k++) {
    logBinomial += Math.log((order - k + 1) / k);
    const gain = (k * (k - 1)) / (2 * sigma * sigma);
    const logGain = gain > 1 ? gain + Math.log1p(-Math.exp(-gain)) : Math.log(Math.expm1(gain));
    logs[k] = logBinomial + k * logRate + (order - k) * logRest + logGain;
  }
  return logOnePlus(logSumExp(logs));
}

function quadrature(sigma: number, rate: number, a: number, step: number): number {
  const reach = 13 * sigma;
  const first = -Math.ceil((reach + Math.max(0, -a)) / step);
  const last = Math.ceil((reach + Math.max(1, a)) / step);
  const logStep = Math.log(step / (sigma * Math.sqrt(2 * Math.PI)));
  const logs = new Float64Array(last - first + 1);
  for (let i = first; i <= last; i++) {
    const x = i * step;
    logs[i - first] = logStep - (x * x) / (2 * sigma * sigma) + logExcess(logRatio(sigma, rate, x), a);
  }
  // The excess is negative exactly for 0 < a < 1.
  return a > 0 && a < 1 ? Math.log1p(-Math.exp(logSumExp(logs))) : logOnePlus(logSumExp(logs));
}

/** log |L^a − 1 − a(L − 1)| for L = e^u. */
function logExcess(u: number, a: number): number {
  if (Math.abs(u) * Math.max(1, Math.abs(a)) < 0.05) {
    // Σ_{k≥2} (a^k − a) u^k / k!: the first terms cancel in the closed form.
    let sum = 0;
    let power = 1;
    let factor = 1;
    for (let k = 1; k <= 12; k++) {
      power *= a;
      factor *= u / k;
      if (k > 1) sum += (power - a) * factor;
    }
    return Math.log(Math.abs(sum));
  }
  const top = Math.max(a * u, u, 0);
  const scaled = Math.exp(a * u - top) - Math.exp(-top) - a * (Math.exp(u - top) - Math.exp(-top));
  return top < 1 ? Math.log(Math.abs(Math.expm1(a * u) - a * Math.expm1(u))) : top + Math.log(Math.abs(scaled));
}

function logOnePlus(log: number): number {
  return log > 0 ? log + Math.log1p(Math.exp(-log)) : Math.log1p(Math.exp(log));
}

function logSumExp(logs: Float64Array): number {
  let top = -Infinity;
  for (const log of logs) if (log > top) top = log;
  if (top === -Infinity) return -Infinity;
  let sum = 0;
  for (const log of logs) sum += Math.exp(log - top);
  return top + Math.log(sum);
}
