const halfLogTwoPi = 0.5 * Math.log(2 * Math.PI);

/** Density of the standard normal distribution. */
export function normalDensity(z: number): number {
  return Math.exp(-0.5 * z * z - halfLogTwoPi);
}

/** P(Z > z), accurate relative to its own size on the right. */
export function normalUpperTail(z: number): number {
  if (z < 0) return 1 - normalUpperTail(-z);
  return z < 2 ? 0.5 - centralMass(z) : normalDensity(z) * millsRatio(z);
}

/** P(Z > z) / density(z) for z ≥ 0, without the underflow of either. */
export function millsRatio(z: number): number {
  if (z < 2) return (0.5 - centralMass(z)) / normalDensity(z);
  // Laplace's continued fraction 1/(z + 1/(z + 2/(z + 3/(z + …)))), from the inside out.
  let tail = z;
  for (let k = Math.ceil(20 + 600 / (z * z)); k >= 1; k--) tail = z + k / tail;
  return 1 / tail;
}

/** P(0 < Z < z) for small z ≥ 0: z·φ(z)·Σ z^2n / (2n+1)!!, all terms positive. */
function centralMass(z: number): number {
  let term = z;
  let sum = z;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (z * z) / (2 * n + 1);
    sum += term;
  }
  return normalDensity(z) * sum;
}
