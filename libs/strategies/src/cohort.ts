import { StrategyError } from './errors.js';

export interface CohortLimits {
  /** Part of the sites that trains in a round, in [0, 1]. */
  readonly fraction: number;
  /** Fewest sites of a round; wins over `fraction`. */
  readonly minSites: number;
}

/**
 * A uniformly drawn cohort of max(minSites, ⌊fraction · sites⌋) different sites, in drawn order.
 * @throws StrategyError STRATEGY_TOO_FEW_SITES, STRATEGY_PARAMETER_INVALID
 */
export function selectCohort<Site>(
  sites: readonly Site[],
  { fraction, minSites }: CohortLimits,
  random: () => number,
): Site[] {
  if (!(fraction >= 0 && fraction <= 1) || !Number.isSafeInteger(minSites) || minSites < 1) {
    throw new StrategyError('STRATEGY_PARAMETER_INVALID', 'fraction must lie in [0, 1] and minSites be at least 1');
  }
  if (sites.length < minSites) {
    throw new StrategyError(
      'STRATEGY_TOO_FEW_SITES',
      `${sites.length} sites are available and a round needs ${minSites}; wait for more or lower minSites`,
    );
  }
  const size = Math.max(minSites, Math.floor(fraction * sites.length));
  const pool = [...sites];
  return Array.from({ length: size }, () => pool.splice(Math.floor(random() * pool.length), 1)[0]!);
}
