/** q = clamp(round(x / scale) + zeroPoint): the affine quantisation of ONNX's QuantizeLinear. */
export interface Affine {
  scale: number;
  zeroPoint: number;
}

export interface Range {
  min: number;
  max: number;
}

/** Integer range of a quantised type. Weights leave −128 out so that zero is in the middle. */
export const activationRange: Range = { min: 0, max: 255 };
export const weightRange: Range = { min: -127, max: 127 };

const SMALLEST_SCALE = 2 ** -126;

/**
 * Scale and zero point that map `real`, widened to contain 0, onto `integer`. Zero is always exact, because
 * padding and ReLU make so many of them. A range too small for float32 gives scale 1.
 */
export function affineOf(real: Range, integer: Range): Affine {
  const min = Math.min(real.min, 0);
  const max = Math.max(real.max, 0);
  const scale = Math.fround((max - min) / (integer.max - integer.min));
  if (scale < SMALLEST_SCALE) return { scale: 1, zeroPoint: 0 };
  return { scale, zeroPoint: clamp(roundHalfToEven(integer.min - min / scale), integer) };
}

/** As `affineOf` for the range ±max(|min|, |max|), with zero point 0. */
export function symmetricOf(real: Range, integer: Range): Affine {
  const bound = Math.max(Math.abs(real.min), Math.abs(real.max));
  const scale = Math.fround((2 * bound) / (integer.max - integer.min));
  return { scale: scale < SMALLEST_SCALE ? 1 : scale, zeroPoint: 0 };
}

/** The runtime divides float32 numbers, which decides near a half. */
export function quantizeValue(value: number, { scale, zeroPoint }: Affine, integer: Range): number {
  return clamp(roundHalfToEven(Math.fround(value / scale)) + zeroPoint, integer);
}

/** The rounding of QuantizeLinear: halves go to the even neighbour. */
export function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

const clamp = (value: number, { min, max }: Range): number => Math.min(max, Math.max(min, value));
