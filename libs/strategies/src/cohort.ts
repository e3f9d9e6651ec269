import { StrategyError } from './errors.js';

export interface CohortLimits {
  /** Part of the sites that trains in a round, in [0, 1]. */
  readonly fraction: number;
  /** Fewest sites of a round; wins over `fraction`. */
  readonly minSites: number;
  /** Sites nobody has heard of lately: drawn only where the others are too few. */
  readonly away?: readonly unknown[];
}

/**
 * A uniformly drawn cohort of max(minSites, ⌊fraction · sites⌋) different sites, in drawn order; those that are away come last.
 * @throws StrategyError STRATEGY_TOO_FEW_SITES, STRATEGY_PARAMETER_INVALID
 */
export function selectCohort<Site>(
  sites: readonly Site[],
  { fraction, minSites, away = [] }: CohortLimits,
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
  const isAway = (site: Site) => away.includes(site);
  return [
    ...shuffled(
      sites.filter((s) => !isAway(s)),
      random,
    ),
    ...shuffled(sites.filter(isAway), random),
  ].slice(0, size);
}

function shuffled<Site>(sites: readonly Site[], random: () => number): Site[] {
  const pool = [...sites];
  return sites.map(() => pool.splice(Math.floor(random() * pool.length), 1)[0]!);
}
