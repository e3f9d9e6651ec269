import { schemes } from '@koinon/he';
import type { Figure } from '../figure.js';
import { KeyEpoch, median, randomValues } from './epoch.js';
import { loadSlotCkks } from './slot-ckks.js';

const PARAMETERS = 16 * 16_384;
const REPETITIONS = 7;

/** Bytes per parameter and encryption time, alternating with the yardstick. */
export async function encryption(): Promise<Figure[]> {
  using slots = await loadSlotCkks();
  const data = Float64Array.from({ length: PARAMETERS }, (_, i) => Math.sin(i) / 2);
  const figures: Figure[] = [];
  let slotBytes = 0;
  for (const scheme of schemes.names) {
    for (const bits of [16, 8] as const) {
      using epoch = await KeyEpoch.open(scheme, 3, 2, { bits, sums: REPETITIONS + 1 });
      const values = randomValues(PARAMETERS, bits);
      const [ours, theirs]: [number[], number[]] = [[], []];
      let bytes = 0;
      for (let repetition = 0; repetition <= REPETITIONS; repetition++) {
        const start = performance.now();
        bytes = 0;
        for (const block of epoch.sites[0]?.encrypt(repetition, values) ?? []) bytes += block.length;
        const middle = performance.now();
        slotBytes = slots.encrypt(data);
        // The first round warms up.
        if (repetition > 0) ours.push(middle - start);
        if (repetition > 0) theirs.push(performance.now() - middle);
      }
      const yardstick = 'CKKS over slots, N=8192 [60,40,40], same run';
      figures.push(
        {
          name: `${scheme}, ${bits} bits: upload`,
          value: bytes / PARAMETERS,
          unit: 'bytes per parameter',
          ratio: slotBytes / bytes,
          yardstick,
        },
        {
          name: `${scheme}, ${bits} bits: encryption`,
          value: PARAMETERS / median(ours) / 1e3,
          unit: 'million parameters per second',
          ratio: median(theirs) / median(ours),
          yardstick,
          samples: ours,
        },
      );
      if (scheme === schemes.names[0] && bits === 16) {
        figures.push(
          { name: 'slot CKKS: upload', value: slotBytes / PARAMETERS, unit: 'bytes per parameter' },
          {
            name: 'slot CKKS: encryption',
            value: PARAMETERS / median(theirs) / 1e3,
            unit: 'million parameters per second',
            samples: theirs,
          },
        );
      }
    }
  }
  return figures;
}
