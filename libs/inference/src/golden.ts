import { allocate, elementCount, type Tensor } from './datatypes.js';
import type { GoldenVector } from './model-spec.js';
import { RuntimeError } from './runtime-error.js';
import type { TensorSignature } from './signature.js';

/** All-zero inputs with every free dimension 1: enough to make the session allocate before real requests come. */
export function warmUpInputs(signatures: readonly TensorSignature[]): Record<string, Tensor> {
  return Object.fromEntries(
    signatures.map(({ name, datatype, shape }) => {
      const dims = shape.map((dim) => (dim === -1 ? 1 : dim));
      return [name, { datatype, shape: dims, data: allocate(datatype, elementCount(dims)) }];
    }),
  );
}

/** @throws RuntimeError GOLDEN_MISMATCH naming the vector and output, never a value. */
export function checkGolden(golden: GoldenVector, index: number, actual: Readonly<Record<string, Tensor>>): void {
  for (const [name, expected] of Object.entries(golden.outputs)) {
    const tensor = actual[name];
    const sameShape =
      tensor?.datatype === expected.datatype &&
      tensor.shape.length === expected.shape.length &&
      tensor.shape.every((dim, axis) => dim === expected.shape[axis]);
    if (!sameShape || !within(tensor, expected, golden.tolerance)) {
      throw new RuntimeError(
        'GOLDEN_MISMATCH',
        `Golden vector ${index}: output "${name}" is not what the release promises; the version stays out of service.`,
      );
    }
  }
}

function within(actual: Tensor, expected: Tensor, tolerance: number): boolean {
  if (actual.data.length !== expected.data.length) return false;
  for (let index = 0; index < expected.data.length; index++) {
    // Written so that NaN, which compares false with everything, is a mismatch.
    if (!(Math.abs(Number(actual.data[index]) - Number(expected.data[index])) <= tolerance)) return false;
  }
  return true;
}
