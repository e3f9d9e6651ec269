import { schemes } from '@koinon/he';
import type { Figure } from '../figure.js';
import { KeyEpoch, headerOf, median, randomValues } from './epoch.js';

const PARAMETERS = 16 * 16_384;

/** Everything else a round costs, five sites, three of them decrypt. */
export async function decryption(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const scheme of schemes.names) {
    const shares: number[] = [];
    const combines: number[] = [];
    const ceremonies: number[] = [];
    for (let repetition = 0; repetition <= 3; repetition++) {
      using epoch = await KeyEpoch.open(scheme, 5, 3, { sums: 2 });
      const { shareMs, combineMs } = epoch.check(
        0,
        Array.from({ length: 5 }, () => randomValues(PARAMETERS, 16)),
      );
      if (repetition === 0) continue;
      ceremonies.push(epoch.ceremonyMsPerSite);
      shares.push(shareMs);
      combines.push(combineMs);
    }
    const layout = schemes.named(scheme).layout(headerOf(scheme, 5, 3));
    figures.push(
      {
        name: `${scheme}: key ceremony of five sites`,
        value: median(ceremonies),
        unit: 'ms per site',
        samples: ceremonies,
      },
      {
        name: `${scheme}: decryption share`,
        value: median(shares),
        unit: 'ms for 262,144 parameters',
        samples: shares,
      },
      { name: `${scheme}: combine`, value: median(combines), unit: 'ms for 262,144 parameters', samples: combines },
      {
        name: `${scheme}: size of a decryption share`,
        value: layout.decryptionShareBytes(1),
        unit: 'bytes for 1 block',
      },
      {
        name: `${scheme}: size of a decryption share`,
        value: layout.decryptionShareBytes(1000),
        unit: 'bytes for 1,000 blocks',
      },
    );
  }
  return figures;
}
