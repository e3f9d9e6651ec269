import { siteIndex } from '../header.js';
import { compileKernel } from '../ring/kernel.js';
import type { EpochHeader, SiteEpoch, SiteScheme } from '../scheme.js';
import { SiteState } from '../site-state.js';
import { OneTimeKeyParameters } from './parameters.js';
import { OneTimeKeySiteEpoch } from './site-epoch.js';
import { ONE_TIME_KEY_STEPS } from './steps.js';

/** One-time keys at a site. */
export async function oneTimeKeySiteScheme(): Promise<SiteScheme> {
  const module = await compileKernel('ring27');
  const open = (header: EpochHeader, site: string, state: () => SiteState): SiteEpoch => {
    const parameters = OneTimeKeyParameters.from(header);
    siteIndex(header, site);
    return new OneTimeKeySiteEpoch(parameters, site, module, state());
  };
  return {
    id: 'one-time-key',
    steps: ONE_TIME_KEY_STEPS,
    begin: (header, site) => open(header, site, () => new SiteState()),
    restore: (header, site, bytes) =>
      open(header, site, () => SiteState.load(header, site, bytes, ONE_TIME_KEY_STEPS.length)),
  };
}
