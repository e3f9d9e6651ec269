const FRACTION = 160n;
const ONE = 1n << FRACTION;

/**
 * Cumulative table of |X| for the discrete Gaussian D(σ): floor(2^63·P(|X| <= k)), k = 0, 1, ..., as long as it is
 * below 2^63 - 1. Computed in 160-bit fixed point, so that every entry is exact but for its last unit.
 * @param sigma with at most three decimals
 */
export function cumulativeTable(sigma: number): BigInt64Array {
  const milli = BigInt(Math.round(sigma * 1000));
  const weights: bigint[] = [];
  for (let k = 0n; ; k++) {
    // Twice, for k and -k.
    const weight = exponentialOfMinus(((k * k * 1_000_000n) << FRACTION) / (2n * milli * milli)) * (k === 0n ? 1n : 2n);
    if (weight >> (FRACTION - 90n) === 0n) break;
    weights.push(weight);
  }
  const total = weights.reduce((sum, weight) => sum + weight);
  const table: bigint[] = [];
  let below = 0n;
  for (const weight of weights) {
    below += weight;
    const threshold = (below << 63n) / total;
    if (threshold >= (1n << 63n) - 1n) break;
    table.push(threshold);
  }
  return BigInt64Array.from(table);
}

/** e^-x for x >= 0 in fixed point: halved until its series is short, then squared back. */
function exponentialOfMinus(x: bigint): bigint {
  const halvings = 16n;
  const small = x >> halvings;
  let term = ONE;
  let sum = ONE;
  for (let i = 1n; term !== 0n; i++) {
    term = -((term * small) >> FRACTION) / i;
    sum += term;
  }
  for (let i = 0n; i < halvings; i++) sum = (sum * sum) >> FRACTION;
  return sum;
}
