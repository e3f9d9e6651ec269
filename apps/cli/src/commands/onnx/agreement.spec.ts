import { tensorOf, type Tensor } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { relativeAgreement, sameDecisions } from './agreement.js';

const floats = (dims: readonly number[], values: readonly number[]): Tensor => tensorOf('float32', dims, values);

const along = (axis: number) => ({ axis, overRest: false });

describe('sameDecisions', () => {
  it('compares the largest class of each row', () => {
    for (const axis of [1, -1]) {
      expect(
        sameDecisions(
          [floats([2, 3], [0.1, 0.7, 0.2, 0.5, 0.2, 0.3])],
          [floats([2, 3], [0.2, 0.5, 0.3, 0.1, 0.2, 0.7])],
          along(axis),
        ),
      ).toBe(0.5);
    }
  });

  it('compares the largest class of each pixel, whatever shape the other output has', () => {
    // class 0 against class 1 of two pixels; the second pixel flips
    const pixels = floats([1, 2, 1, 2], [0.9, 0.6, 0.1, 0.4]);
    const other = [0.6, 0.4, 0.4, 0.6];
    for (const axis of [1, -3]) {
      for (const dims of [[1, 2, 1, 2], [4]])
        expect(sameDecisions([floats(dims, other)], [pixels], along(axis))).toBe(0.5);
    }
    expect(sameDecisions([floats([1, 2, 1, 2], [0.9, 0.9001, 0.1, 0.0999])], [pixels], along(1))).toBe(1);
  });

  it('compares the largest number over several axes', () => {
    expect(
      sameDecisions([floats([2, 2, 2], [1, 2, 3, 4, 1, 2, 3, 4])], [floats([2, 2, 2], [1, 2, 3, 4, 4, 3, 2, 1])], {
        axis: 1,
        overRest: true,
      }),
    ).toBe(0.5);
  });

  it('cuts each probability at one half, of one label and of many', () => {
    expect(sameDecisions([floats([4, 1], [0.4, 0.6, 0.5, 0.1])], [floats([4, 1], [0.1, 0.9, 0.4, 0.2])], 'each')).toBe(
      0.75,
    );
    expect(sameDecisions([floats([1, 2], [0.9, 0.49])], [floats([1, 2], [0.9, 0.51])], 'each')).toBe(0.5);
  });

  it('takes integers as decisions', () => {
    expect(sameDecisions([tensorOf('int64', [4], [1, 2, 3, 4])], [tensorOf('int64', [4], [1, 2, 0, 4])], 'each')).toBe(
      0.75,
    );
  });
});

describe('relativeAgreement', () => {
  it('is 1 minus the relative distance over all batches', () => {
    expect(
      relativeAgreement([floats([1], [3.3]), floats([1], [4.4])], [floats([1], [3]), floats([1], [4])]),
    ).toBeCloseTo(0.9, 6);
  });

  it('finds outputs that are always 0 equal, and any other different from them', () => {
    const zeros = floats([2, 2], [0, 0, 0, 0]);
    expect(relativeAgreement([zeros], [zeros])).toBe(1);
    expect(relativeAgreement([floats([2, 2], [0, 0, 0, 1e-9])], [zeros])).toBe(0);
  });

  it('takes outputs of any length', () => {
    const long = floats(
      [800_000],
      Array.from({ length: 800_000 }, () => 1),
    );
    expect(relativeAgreement([long], [long])).toBe(1);
  });
});
