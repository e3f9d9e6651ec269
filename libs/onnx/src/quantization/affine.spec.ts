import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { activationRange, affineOf, quantizeValue, roundHalfToEven, symmetricOf } from './affine.js';

interface Known {
  name: string;
  input: Record<string, unknown>;
  expected: Record<string, unknown>;
}

const known = JSON.parse(readFileSync(new URL('../../kat/quantization.json', import.meta.url), 'utf8')) as Known[];
const named = (prefix: string): Known[] => known.filter(({ name }) => name.startsWith(prefix));
const numbers = (nested: unknown): number[] => [nested].flat(9) as number[];

describe('affine quantisation against known answers', () => {
  it.each([...named('ort_compute'), ...named('ort_tiny')])('$name', ({ input, expected }) => {
    const real = { min: input['rmin'] as number, max: input['rmax'] as number };
    const integer = { min: input['qmin'] as number, max: input['qmax'] as number };
    const { scale, zeroPoint } = input['symmetric'] ? symmetricOf(real, integer) : affineOf(real, integer);
    const wanted = expected['scale'] as number;
    expect(Math.abs(scale - wanted)).toBeLessThanOrEqual(1e-6 * wanted);
    expect(zeroPoint).toBe(expected['zero_point']);
  });

  it.each(named('onnx_quantizelinear'))('$name', ({ input, expected }) => {
    const integer = input['dtype'] === 'uint8' ? activationRange : { min: -32768, max: 32767 };
    const values = numbers(input['x']);
    const scales = numbers(input['scale']);
    const zeroPoints = numbers(input['zero_point']);
    const channelOf = (index: number): number => Math.floor((index * scales.length) / values.length);
    const found = values.map((value, index) =>
      quantizeValue(value, { scale: scales[channelOf(index)]!, zeroPoint: zeroPoints[channelOf(index)]! }, integer),
    );
    expect(found).toEqual(numbers(expected['y']));
  });

  it.each(named('onnx_dynamic'))('$name', ({ input, expected }) => {
    const values = input['x'] as number[];
    const affine = affineOf({ min: Math.min(...values), max: Math.max(...values) }, activationRange);
    expect(Math.abs(affine.scale - (expected['scale'] as number))).toBeLessThanOrEqual(1e-9);
    expect(affine.zeroPoint).toBe(expected['zero_point']);
    expect(values.map((value) => quantizeValue(value, affine, activationRange))).toEqual(expected['y']);
  });

  it.each(named('uint8_affine'))('$name', ({ input, expected }) => {
    const affine = affineOf({ min: input['rmin'] as number, max: input['rmax'] as number }, activationRange);
    expect(Math.abs(affine.scale - (expected['scale'] as number))).toBeLessThanOrEqual(1e-9);
    // The vector allows one step, where −min/scale lies on a half.
    expect(Math.abs(affine.zeroPoint - (expected['zero_point'] as number))).toBeLessThanOrEqual(1);
    const found = (input['x'] as number[]).map((value) => quantizeValue(value, affine, activationRange));
    (expected['q'] as number[]).forEach((value, index) =>
      expect(Math.abs(found[index]! - value)).toBeLessThanOrEqual(1),
    );
  });

  it.each(named('int32_bias'))('$name', ({ input, expected }) => {
    const scales = (input['weight_scales'] as number[]).map((scale) => scale * (input['input_scale'] as number));
    const found = (input['bias'] as number[]).map((value, channel) =>
      quantizeValue(value, { scale: scales[channel]!, zeroPoint: 0 }, { min: -(2 ** 31), max: 2 ** 31 - 1 }),
    );
    expect(found).toEqual(expected['q']);
  });

  it('covers every vector of the file', () => {
    expect(known).toHaveLength(13);
  });
});

describe('roundHalfToEven', () => {
  it('sends halves to the even side, and others to the nearest', () => {
    expect([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4, -2.6].map((value) => roundHalfToEven(value) + 0)).toEqual([
      -2, -2, 0, 0, 2, 2, 2, -3,
    ]);
  });
});
