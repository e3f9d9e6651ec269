import type { EpochHeader, SiteEpoch, SiteScheme } from '../scheme.js';
import { compileKernel } from '../ring/kernel.js';
import { siteIndex } from '../header.js';
import { SiteState } from '../site-state.js';
import { Packing } from './packing.js';
import { CkksParameters } from './parameters.js';
import { openRings } from './rings.js';
import { Seal } from './seal.js';
import { CkksSiteEpoch } from './site-epoch.js';
import { CKKS_STEPS } from './steps.js';

/** Threshold CKKS at a site. The one module graph that loads SEAL. */
export async function ckksSiteScheme(): Promise<SiteScheme> {
  const [module, seal] = await Promise.all([compileKernel('ring60'), Seal.open()]);
  const rings = openRings(module);
  const open = (header: EpochHeader, site: string, state: () => SiteState): SiteEpoch => {
    const parameters = CkksParameters.from(header);
    siteIndex(header, site);
    return new CkksSiteEpoch(parameters, site, rings, new Packing(module, parameters), seal, state());
  };
  return {
    id: 'ckks-threshold',
    steps: CKKS_STEPS,
    begin: (header, site) => open(header, site, () => new SiteState()),
    restore: (header, site, bytes) => open(header, site, () => SiteState.load(header, site, bytes, CKKS_STEPS.length)),
  };
}
