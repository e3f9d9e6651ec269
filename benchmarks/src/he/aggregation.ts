import { schemes } from '@koinon/he';
import type { Figure } from '../figure.js';
import { KeyEpoch, median, randomValues } from './epoch.js';

const REPETITIONS = 7;
const MEGABYTE = 1e6;

/** Bytes added per second by one core, against copying bytes. */
export async function aggregation(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const scheme of schemes.names) {
    using epoch = await KeyEpoch.open(scheme, 2, 2);
    const [block = new Uint8Array(0)] = [...(epoch.sites[0]?.encrypt(0, randomValues(100, 16)) ?? [])];
    const uploads = Array.from({ length: Math.ceil((64 * MEGABYTE) / block.length) }, () => block.slice());
    const total = uploads.length * block.length;
    const [source, target] = [new Uint8Array(total).fill(1), new Uint8Array(total)];
    const adder = epoch.aggregator.adder(epoch.header);
    const [adding, copying]: [number[], number[]] = [[], []];
    for (let repetition = 0; repetition <= 2 * REPETITIONS; repetition++) {
      const start = performance.now();
      for (const upload of uploads) adder.add(upload);
      const middle = performance.now();
      target.set(source);
      if (repetition > 0) adding.push(middle - start);
      if (repetition > 0) copying.push(performance.now() - middle);
      adder.finish();
    }
    const rate = (samples: readonly number[]): number => total / median(samples) / MEGABYTE;
    figures.push({
      name: `${scheme}: aggregation`,
      value: rate(adding),
      unit: 'GB per second and core',
      ratio: rate(adding) / rate(copying),
      yardstick: `memory copy, ${rate(copying).toFixed(2)} GB/s in the same run`,
      samples: adding,
    });
  }
  return figures;
}
