import { tensorOf, type Tensor } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { relativeAgreement, sameDecisions } from './agreement.js';

const floats = (dims: readonly number[], values: readonly number[]): Tensor => tensorOf('float32', dims, values);

describe('sameDecisions', () => {
  it('compares the largest class of each row', () => {
    expect(sameDecisions([floats([2, 3], [0.1, 0.7, 0.2, 0.5, 0.2, 0.3])], [floats([2, 3], [0.2, 0.5, 0.3, 0.1, 0.2, 0.7])])).toBe(0.5);
  });

  it('cuts one probability at one half', () => {
    expect(sameDecisions([floats([4, 1], [0.4, 0.6, 0.5, 0.1])], [floats([4, 1], [0.1, 0.9, 0.4, 0.2])])).toBe(0.75);
  });

  it('takes integers as decisions', () => {
    expect(sameDecisions([tensorOf('int64', [4], [1, 2, 3, 4])], [tensorOf('int64', [4], [1, 2, 0, 4])])).toBe(0.75);
  });
});

describe('relativeAgreement', () => {
  it('is 1 minus the relative distance over all batches', () => {
    expect(relativeAgreement([floats([1], [3.3]), floats([1], [4.4])], [floats([1], [3]), floats([1], [4])])).toBeCloseTo(0.9, 6);
  });

  it('finds outputs that are always 0 equal, and any other different from them', () => {
    const zeros = floats([2, 2], [0, 0, 0, 0]);
    expect(relativeAgreement([zeros], [zeros])).toBe(1);
    expect(relativeAgreement([floats([2, 2], [0, 0, 0, 1e-9])], [zeros])).toBe(0);
  });

  it('takes outputs of any length', () => {
    const long = floats([800_000], Array.from({ length: 800_000 }, () => 1));
    expect(relativeAgreement([long], [long])).toBe(1);
  });
});
