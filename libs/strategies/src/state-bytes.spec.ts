import { runs } from '@koinon/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeState, encodeState } from './state-bytes.js';

describe('state bytes', () => {
  it('come back as they were, down to the bits', () => {
    const state = fc.dictionary(fc.string(), fc.float64Array({ maxLength: 20 }));
    fc.assert(
      fc.property(state, (value) => {
        expect(decodeState(encodeState(value))).toEqual({ ...value });
      }),
      { seed: 4, numRuns: runs(100) },
    );
  });

  it('do not depend on the order of names', () => {
    const [m, v] = [Float64Array.of(1, 2), Float64Array.of(3)];
    expect(encodeState({ m, v })).toEqual(encodeState({ v, m }));
  });

  it('can be read from the middle of a larger buffer', () => {
    const bytes = encodeState({ m: Float64Array.of(1.5) });
    const larger = new Uint8Array(bytes.length + 3);
    larger.set(bytes, 3);
    expect(decodeState(larger.subarray(3))).toEqual({ m: Float64Array.of(1.5) });
  });

  it('are refused when cut, extended or damaged', () => {
    const bytes = encodeState({ m: Float64Array.of(1, 2), v: Float64Array.of(3, 4) });
    const invalid = expect.objectContaining({ code: 'STRATEGY_STATE_INVALID' });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeState(bytes.subarray(0, length))).toThrow(invalid);
    }
    expect(() => decodeState(Uint8Array.of(...bytes, 0))).toThrow(invalid);
    const broken = bytes.slice();
    broken[4] = 0xff;
    expect(() => decodeState(broken)).toThrow(invalid);
  });
});
