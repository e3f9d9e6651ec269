import { HeError, schemes } from '@koinon/he';
import type { Figure } from '../figure.js';
import { KeyEpoch, headerOf, randomValues } from './epoch.js';

/** Opened sums against plain integer sums. */
export async function exactness(packedValues: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const scheme of schemes.names) {
    let [checked, wrong] = [0, 0];
    for (const cohort of [2, 5, 16, 64]) {
      const sites = mostSites(scheme, cohort);
      const sums = Math.ceil(packedValues / 4 / 2_000_000);
      using epoch = await KeyEpoch.open(scheme, sites, Math.floor(sites / 2) + 1, { sums });
      for (let sum = 0; sum < sums; sum++) {
        const length = Math.ceil(packedValues / 4 / sums / sites);
        const vectors = Array.from({ length: sites }, (_, i) =>
          i % 8 === 7 ? new Uint32Array(length).fill(65_535) : randomValues(length, 16),
        );
        wrong += epoch.check(sum, vectors).wrong;
        checked += length * sites;
      }
    }
    figures.push({
      name: `${scheme}: wrong integer sums, cohorts of 2, 5, 16, 64`,
      value: wrong,
      unit: `of ${checked.toLocaleString('en')} packed values`,
    });
  }
  return figures;
}

/** At most `wanted`: a scheme may hold fewer uploads than a key epoch sites. */
function mostSites(scheme: string, wanted: number): number {
  const { layout } = schemes.named(scheme);
  for (let sites = wanted; ; sites--) {
    try {
      layout(headerOf(scheme, sites, Math.floor(sites / 2) + 1));
      return sites;
    } catch (error) {
      if (!(error instanceof HeError) || error.code !== 'NOISE_BUDGET_EXCEEDED') throw error;
    }
  }
}
