import { describe, expect, it } from 'vitest';
import { augment } from './augment.js';
import { PIXELS, type Radiographs } from './dataset.js';
import { uniforms } from './random.js';

const images = Uint8Array.from({ length: 2 * PIXELS }, (_, index) => (index * 7) % 256);
const radiographs: Radiographs = { images, labels: Uint8Array.of(0, 1), count: 2 };
/** Answers every question for a random number alike. */
const always = (value: number) => (): number => value;

function augmented(shift: number, mirror: boolean, uniform: () => number): number[] {
  const target = new Float32Array(PIXELS + 5).fill(-1);
  augment(target, 5, radiographs, 1, { shift, mirror }, uniform);
  expect([...target.subarray(0, 5)]).toEqual([-1, -1, -1, -1, -1]);
  return [...target.subarray(5)];
}

const pixel = (y: number, x: number): number =>
  images[PIXELS + Math.min(27, Math.max(0, y)) * 28 + Math.min(27, Math.max(0, x))]!;
const expected = (source: (y: number, x: number) => number): number[] =>
  Array.from({ length: PIXELS }, (_, at) => source(Math.floor(at / 28), at % 28));

describe('augment', () => {
  it('copies the image where nothing is asked', () => {
    expect(augmented(0, false, uniforms(1))).toEqual([...images.subarray(PIXELS)]);
  });

  it('shifts as far as asked each way and repeats the border', () => {
    expect(augmented(3, false, always(0))).toEqual(expected((y, x) => pixel(y + 3, x + 3)));
    expect(augmented(3, false, always(0.999))).toEqual(expected((y, x) => pixel(y - 3, x - 3)));
  });

  it('mirrors left to right', () => {
    expect(augmented(0, true, always(0))).toEqual(expected((y, x) => pixel(y, 27 - x)));
    expect(augmented(0, true, always(0.6))).toEqual(expected(pixel));
  });
});
