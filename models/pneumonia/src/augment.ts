import { PIXELS, type Radiographs } from './dataset.js';

const WIDTH = 28;

export interface Augmentation {
  /** Largest shift in pixels, each way and along both axes; the border is repeated. */
  readonly shift: number;
  /** Whether half of the images are mirrored left to right. */
  readonly mirror: boolean;
}

/** Writes one radiograph into `target` at `offset`, shifted and mirrored at random. */
export function augment(
  target: Float32Array,
  offset: number,
  { images }: Radiographs,
  row: number,
  { shift, mirror }: Augmentation,
  uniform: () => number,
): void {
  const amount = (): number => Math.floor(uniform() * (2 * shift + 1)) - shift;
  const [down, right, mirrored] = [amount(), amount(), mirror && uniform() < 0.5];
  const inside = (value: number): number => Math.min(WIDTH - 1, Math.max(0, value));
  for (let y = 0; y < WIDTH; y++) {
    const line = row * PIXELS + inside(y - down) * WIDTH;
    for (let x = 0; x < WIDTH; x++) {
      const from = inside(x - right);
      target[offset + y * WIDTH + x] = images[line + (mirrored ? WIDTH - 1 - from : from)]!;
    }
  }
}
