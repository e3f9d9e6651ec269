import { runs } from '@koinon/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CodedError } from '@koinon/contracts';
import { isSaturated, meanUpdate, updateLength, updateVector } from './update-vector.js';

const RANGE = 1;
const MAX_RECORDS = 256;

function sumOf(vectors: readonly Float32Array[]): Float64Array {
  return Float64Array.from({ length: vectors[0]!.length }, (_, i) => vectors.reduce((sum, v) => sum + v[i]!, 0));
}

describe('the update vector', () => {
  it('sums to the record-weighted mean of the deltas', () => {
    const site = fc.record({
      delta: fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
      records: fc.float({ min: 1, max: 600, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(site, { minLength: 1, maxLength: 8 }), (sites) => {
        const summed = sumOf(
          sites.map(({ delta, records }) =>
            updateVector(Float32Array.from(delta), records, { maxRecords: MAX_RECORDS, range: RANGE }),
          ),
        );
        const { delta, records } = meanUpdate(summed, { maxRecords: MAX_RECORDS, range: RANGE });
        const weights = sites.map((s) => Math.min(s.records, MAX_RECORDS));
        const total = weights.reduce((a, b) => a + b, 0);
        expect(records).toBeCloseTo(total, 3);
        for (let i = 0; i < 4; i++) {
          const mean = sites.reduce((sum, s, k) => sum + s.delta[i]! * weights[k]!, 0) / total;
          expect(Math.abs(delta[i]! - mean)).toBeLessThan(1e-4);
        }
      }),
      { seed: 1, numRuns: runs(300) },
    );
  });

  it('keeps every entry within the range, whatever the delta', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true }), { maxLength: 20 }),
        fc.double({ min: 1, max: 1e9, noNaN: true }),
        fc.constantFrom(0.25, 1, 8),
        (delta, records, bound) => {
          const vector = updateVector(Float32Array.from(delta), records, { maxRecords: MAX_RECORDS, range: bound });
          expect(vector).toHaveLength(updateLength(delta.length));
          expect(vector.every((v) => Math.abs(v) <= bound)).toBe(true);
        },
      ),
      { seed: 2, numRuns: runs(300) },
    );
  });

  it('weighs a site with more records than maxRecords as one with maxRecords', () => {
    const delta = Float32Array.of(0.5, -0.5);
    expect(updateVector(delta, 10 * MAX_RECORDS, { maxRecords: MAX_RECORDS, range: RANGE })).toEqual(
      updateVector(delta, MAX_RECORDS, { maxRecords: MAX_RECORDS, range: RANGE }),
    );
  });

  it.each([[0], [-0.5], [Number.NaN]])('refuses a summed weight of %s', (weight) => {
    expect(() => meanUpdate(Float64Array.of(0.1, weight), { maxRecords: MAX_RECORDS, range: RANGE })).toThrow(
      expect.objectContaining({ code: 'SUM_OUT_OF_RANGE' }) as CodedError,
    );
  });

  it('is saturated when most of its values lie at the bound, beyond it, or nowhere', () => {
    expect(isSaturated(Float32Array.of(1, -2, Number.NaN, 0.5, 0), 1)).toBe(true);
    expect(isSaturated(Float32Array.of(1, -2, 0.5, 0), 1)).toBe(false);
    expect(isSaturated(Float64Array.of(0.999), 1)).toBe(false);
    expect(isSaturated(Float32Array.of(Number.POSITIVE_INFINITY), 1)).toBe(true);
  });
});
