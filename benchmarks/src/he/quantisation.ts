import { randomBytes } from 'node:crypto';
import { Quantiser } from '@koinon/he';
import type { Figure } from '../figure.js';
import { median } from './epoch.js';

const REPETITIONS = 7;

/** A million values to integers and their sums back, against drawing the random words and against one multiplication each. */
export async function quantisation(): Promise<Figure[]> {
  const count = 1_000_000;
  const quantiser = Quantiser.from({ bits: 16, range: 1 });
  const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i));
  const plain = new Float64Array(count);
  const [there, words, back, copied]: number[][] = [[], [], [], []];
  for (let repetition = 0; repetition <= 2 * REPETITIONS; repetition++) {
    const times = [performance.now()];
    const quantised = quantiser.quantise(values, randomBytes);
    times.push(performance.now());
    randomBytes(4 * count);
    times.push(performance.now());
    quantiser.dequantiseSum(quantised, 1);
    times.push(performance.now());
    for (let i = 0; i < count; i++) plain[i] = quantised[i]! * 0.5;
    times.push(performance.now());
    if (repetition > 0) [there, words, back, copied].forEach((samples, i) => samples!.push(times[i + 1]! - times[i]!));
  }
  const unit = 'ms for 1,000,000 values';
  return [
    {
      name: 'quantise, 16 bits',
      value: median(there!),
      unit,
      ratio: median(there!) / median(words!),
      yardstick: 'drawing the random words, same run',
      samples: there!,
    },
    {
      name: 'dequantise a sum',
      value: median(back!),
      unit,
      ratio: median(back!) / median(copied!),
      yardstick: 'one multiplication per value, same run',
      samples: back!,
    },
  ];
}
